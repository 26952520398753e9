// /v1/admin/drain: sheds a share of the clients before the server is stopped, and takes it back.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Drain } from "../http/drain.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { json, problems } from "../wire/schemas.ts";

const drainQuery = Type.Object(
  {
    percent: Type.Optional(
      Type.Integer({
        ...{ minimum: 0, maximum: 100, default: 100 },
        description: "The share of streams and connections that end; 0 takes a drain back.",
      }),
    ),
  },
  { additionalProperties: false },
);

export function drainRoutes(plainApp: FastifyInstance, drain: Drain): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  const schema = { ...beginSchema, querystring: drainQuery };
  app.post("/v1/admin/drain", { schema }, async (request) => {
    requireAdminOfTree(request);
    return drain.begin(request.query.percent ?? 100);
  });

  app.delete("/v1/admin/drain", { schema: endSchema }, async (request, reply) => {
    requireAdminOfTree(request);
    drain.stop();
    return reply.code(204).send();
  });
}

const plan = Type.Object(
  {
    percent: Type.Integer({ description: "The share, of what is open now." }),
    streams: Type.Integer({ description: "Streams that are told `bye` with the reason `draining`." }),
    connections: Type.Integer({ description: "Connections that end, behind what is under way on them." }),
    withinMs: Type.Integer({ description: "The last of them is told in about this time." }),
  },
  { title: "DrainPlan" },
);

const beginSchema = {
  operationId: "drain",
  summary: "Shed clients, before the server is stopped",
  description:
    "For an operator. A share of the open streams is told `bye`, and a share of the connections ends, in slices over some " +
    "seconds: idle ones at once, others behind the answer to what is under way (`Connection: close`, or GOAWAY in HTTP/2). With " +
    "100 `/readyz` fails until it is taken back, and every answer of HTTP/1.1 ends its connection. What still comes is served, and no session " +
    "ends by it. It lasts until it is taken back, or the server stops.",
  tags: ["operations"],
  response: {
    200: json(plan, "It has begun.", { percent: 100, streams: 420, connections: 512, withinMs: 9750 }),
    ...problems(),
  },
};

const endSchema = {
  operationId: "undoDrain",
  summary: "Take a drain back",
  description: "For an operator. Whoever was not told to go yet stays, and `/readyz` is met again.",
  tags: ["operations"],
  response: { 204: { description: "No drain goes on.", type: "null" }, ...problems() },
};
