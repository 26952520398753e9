// Connections of HTTP/2 on which nothing is asked. Node ends those of HTTP/1.1 by itself; a session that only pings, or
// sends the half of a request's head, would stay for ever.

import type { ServerHttp2Session } from "node:http2";
import type { FastifyInstance } from "fastify";
import type { HttpLimits } from "../http/http-limits.ts";

export function endIdleSessions(app: FastifyInstance, { keepAliveTimeoutMs }: HttpLimits): void {
  app.server.on("session", (session: ServerHttp2Session) => {
    let streamCount = 0;
    let timer: NodeJS.Timeout | undefined;
    const rest = () => {
      timer = setTimeout(() => session.destroy(), keepAliveTimeoutMs);
    };
    session.on("stream", (stream) => {
      clearTimeout(timer);
      streamCount += 1;
      stream.once("close", () => {
        streamCount -= 1;
        if (streamCount === 0 && !session.closed) rest();
      });
    });
    session.once("close", () => clearTimeout(timer));
    rest();
  });
}
