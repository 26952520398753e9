// Streams of events as the OpenAPI document tells of them: what their messages are called, and what the data of each is.

import { type TSchema, Type } from "typebox";
import { lastEventIdForm } from "./text-forms.ts";

/** What a stream may be asked with besides its query: an EventSource sends it by itself when it comes back. */
export const streamHeaders = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      ...lastEventIdForm,
      description:
        "The id of the last event that was read: go on after it. What cannot send it as a header may send it as " +
        "`lastEventId` in the query.",
      examples: ["1042.3f9a01c2d4"],
    }),
  ),
});

/** The same of a stream that begins with the whole truth, wherever who asks has read to. */
export const wholeStreamHeaders = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      description:
        "The id of the last event that was read. It changes nothing: the first event is how it is now.",
      examples: ["1042.3f9a01c2d4"],
    }),
  ),
});

export const eventZxid = Type.Integer({ description: "The transaction it is as of." });

/** What every event of a change says of its transaction. */
export const transactionMembers = {
  zxid: Type.Integer({ description: "The transaction." }),
  timeMs: Type.Integer({ description: "Wall time of the transaction; never use it for ordering." }),
  cause: Type.String({
    description:
      "Why it was done: request, session_closed, session_expired, ttl, container or restore; there may be others.",
  }),
  by: Type.Optional(
    Type.String({
      description: "Who asked for it, such as `token:web`; absent for what the service did by itself.",
    }),
  ),
  session: Type.Optional(Type.String({ description: "Id of the session whose end it was." })),
  traceparent: Type.Optional(
    Type.String({
      description:
        "The header of that name (W3C Trace Context) that the request for it carried; absent where it carried none that " +
        "counts. Whoever asked says so, and nobody vouches for it.",
    }),
  ),
};

export const streamSynced = Type.Object(
  { zxid: eventZxid },
  { title: "StreamSynced", description: "The current state is complete; what follows is live." },
);

export const streamBookmark = Type.Object(
  { zxid: eventZxid },
  { title: "StreamBookmark", description: "Nothing happened up to here: the point to resume from moves on." },
);

export const streamReset = Type.Object(
  {
    reason: Type.String({ description: "Why there is no resuming: history_trimmed or unknown_zxid." }),
    zxid: eventZxid,
  },
  { title: "StreamReset", description: "The point to resume from is gone: the current state follows." },
);

const streamSuspended = Type.Object(
  { zxid: eventZxid },
  {
    title: "StreamSuspended",
    description:
      "This server cannot reach the log: what happens now is not heard of here until `connected`. Another server may go on.",
  },
);

const streamConnected = Type.Object(
  { zxid: eventZxid },
  {
    title: "StreamConnected",
    description: "The log can be reached again: what happened meanwhile follows as if nothing had been.",
  },
);

const streamBye = Type.Object(
  {
    reason: Type.String({
      description:
        "Why the stream ends: shutdown, draining, ended_by_admin, lifetime, or unauthorised where the rights it was opened with " +
        "are no more what they were; there may be others.",
    }),
  },
  { title: "StreamBye", description: "A planned end: come back, here or on another server." },
);

/** What every stream may say, of itself and of the server. None of them has an id. */
export const eventsOfAll = { suspended: streamSuspended, connected: streamConnected, bye: streamBye };

/** How work ends that failed after its first part. */
export const streamProblem = Type.Unsafe<object>({ $ref: "Problem#" });

/**
 * The answer of a stream. Which event has which schema stands in `x-events`; tools that do not know it find the schemas
 * in `contentSchema`.
 * @param events the data of each event, by its name
 */
export function eventStream(example: string, events: Readonly<Record<string, TSchema>>) {
  const schema: object = { type: "string", contentSchema: { anyOf: [...new Set(Object.values(events))] } };
  return {
    description: "The stream. `x-events` has the schema of each event's data, by the event's name.",
    content: { "text/event-stream": { schema, example, "x-events": events } },
  };
}
