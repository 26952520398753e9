// GET /v1/sessions/{id}/events: how a session ends, told to whoever listens (API section 3). Listening is not a sign
// of life: an open stream alone does not renew the session (N7).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { countWait } from "../http/connection-share.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { beginEventStream } from "../http/sse.ts";
import { type RouteParts, readerFor } from "../wire/parts.ts";
import { problems } from "../wire/schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";
import { idOf } from "./sessions.ts";

const aliveIntervalMs = 10_000;

export interface SessionStreams {
  /** Ends every stream; the sessions live on. */
  close(): void;
}

export function sessionEventRoutes(
  plainApp: FastifyInstance,
  { store, sessions }: RouteParts,
): SessionStreams {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const open = new Set<() => void>();

  app.get("/v1/sessions/:id/events", { schema: eventsSchema, exposeHeadRoute: false }, (request, reply) => {
    const id = idOf(request);
    const { state } = sessions.summary(id, readerFor(request, store));
    countWait(reply);
    const sink = beginEventStream(reply, { Zxid: String(store.zxid) });
    const send = (event: string, data: object) => sink.write(Buffer.from(frame(event, data)));

    let cancelTimer = () => {};
    const tellAlive = () => {
      send("alive", { id, zxid: store.zxid });
      cancelTimer = store.clock.setTimer(aliveIntervalMs, tellAlive);
    };
    const stopListening = sessions.onEnded(id, ({ reason, zxid }) => {
      send("ended", { reason, zxid });
      finish();
    });
    const stop = () => {
      cancelTimer();
      stopListening();
      open.delete(bye);
    };
    const finish = () => {
      stop();
      sink.end();
    };
    const bye = () => {
      send("bye", { reason: "shutdown" });
      finish();
    };

    open.add(bye);
    reply.raw.on("close", stop);
    reply.raw.on("error", stop);
    if (state === "open") tellAlive();
  });

  return {
    close() {
      for (const bye of [...open]) bye();
    },
  };
}

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

const sessionId = Type.String({
  maxLength: fixedLimits.sessionIdLengthMax,
  ...named("sessionIdLengthMax"),
  description: "The session's id.",
});

const eventsSchema = {
  operationId: "watchSession",
  summary: "How a session ends, as Server-Sent Events",
  description:
    "`alive` at once and now and then; `ended` with its reason and zxid, once, then the stream closes.",
  tags: ["sessions"],
  params: Type.Object({ id: sessionId }),
  querystring: wholeStreamQuery,
  response: {
    200: {
      description: "The stream.",
      content: {
        "text/event-stream": {
          schema: Type.String({
            examples: ['event: ended\ndata: {"reason":"session_expired","zxid":1042}\n\n'],
          }),
        },
      },
    },
    ...problems("session_expired"),
  },
};
