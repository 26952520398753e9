// GET /v1/sessions/{id}/events: how a session ends, told to whoever listens (API section 3). Listening is not a sign
// of life: an open stream alone does not renew the session (N7).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { LatestStreams, type OpenStreams } from "../http/latest-streams.ts";
import { renewCaller } from "../wire/callers.ts";
import type { RouteParts } from "../wire/parts.ts";
import { problems } from "../wire/schemas.ts";
import { eventStream, eventsOfAll, eventZxid, wholeStreamHeaders } from "../wire/stream-schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";
import { idOf } from "./sessions.ts";

export function sessionEventRoutes(plainApp: FastifyInstance, { store, sessions }: RouteParts): OpenStreams {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const streams = new LatestStreams(store);

  const config = { takesTicket: true };
  const options = { schema: eventsSchema, config, exposeHeadRoute: false };
  app.get("/v1/sessions/:id/events", options, (request, reply) => {
    const id = idOf(request);
    const context = renewCaller(request, store);
    sessions.refuseOthers(id, context.permits);
    const { state } = sessions.summary(id, store.reader(context));
    const alive = () => frame("alive", { id, zxid: store.zxid });
    streams.begin(reply, {
      context,
      subscribe: ({ finish }) =>
        sessions.onEnded(id, ({ reason, zxid }) => finish(frame("ended", { reason, zxid }))),
      now: () => (state === "open" ? { text: "alive", frame: alive } : null),
      ...(state === "open" && { beat: alive }),
    });
  });

  return streams;
}

function frame(event: string, data: object): Uint8Array {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

const sessionId = Type.String({
  maxLength: fixedLimits.sessionIdLengthMax,
  ...named("sessionIdLengthMax"),
  description: "The session's id.",
});

const sessionAlive = Type.Object({ id: sessionId, zxid: eventZxid }, { title: "SessionAlive" });

const sessionEnded = Type.Object(
  {
    reason: Type.String({ description: "Why it ended: session_closed, session_expired or another cause." }),
    zxid: Type.Integer({ description: "The transaction that ended it." }),
  },
  { title: "SessionEnded" },
);

const eventsSchema = {
  operationId: "watchSession",
  summary: "How a session ends, as Server-Sent Events",
  description:
    "`alive` at once and now and then; `ended` with its reason and zxid, once, then the stream closes.",
  tags: ["sessions"],
  params: Type.Object({ id: sessionId }),
  querystring: wholeStreamQuery,
  headers: wholeStreamHeaders,
  response: {
    200: eventStream('event: ended\ndata: {"reason":"session_expired","zxid":1042}\n\n', {
      alive: sessionAlive,
      ended: sessionEnded,
      ...eventsOfAll,
    }),
    ...problems("bad_path", "session_expired", "throttled"),
  },
};
