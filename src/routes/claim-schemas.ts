// What the routes of locks and elections have in common on the wire.

import { Type } from "typebox";

const nameMember = {
  name: Type.String({ description: "One path segment of 1 to 255 characters.", examples: ["reports"] }),
};

export const nameParameter = Type.Object(nameMember);

export const claimParameters = Type.Object({
  ...nameMember,
  id: Type.String({ description: "The claim's id: the name of its znode.", examples: ["x-0000000007"] }),
});

export const listQuery = Type.Object(
  {
    limit: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1000,
      description: "Of those who hold, and of those who wait, at most so many are listed.",
    }),
  },
  { additionalProperties: false },
);

export const forceQuery = Type.Object(
  {
    force: Type.Boolean({
      default: false,
      description: "Whoever's claim it is: for an operator. It is logged.",
    }),
  },
  { additionalProperties: false },
);

export const validForMs = Type.Integer({
  description:
    "Counts from when the request was sent, the time it waited included: without another success for the session by " +
    "then, stop acting as the holder.",
});

export const sessionOfClaim = {
  session: Type.Union([Type.String(), Type.Null()], {
    description: "Id of its session; null for a znode made by hand that is not ephemeral.",
  }),
  sessionName: Type.String({ description: "The name its session was opened with." }),
};

export const exampleOwner = { session: "1f3a5c7e9b2d4f60", sessionName: "web-1" };

export function json(schema: object, description: string, example: object) {
  return { description, content: { "application/json": { schema: { ...schema, examples: [example] } } } };
}

export function eventStream(example: string) {
  return {
    description: "The stream.",
    content: { "text/event-stream": { schema: Type.String({ examples: [example] }) } },
  };
}
