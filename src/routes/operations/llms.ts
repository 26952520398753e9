// GET /llms.txt: the service for agents that have read nothing else, as they look for it. The file lies beside this
// program's package.json, where people find it too.

import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";

const text = readFileSync(new URL("../../../llms.txt", import.meta.url), "utf8");

export function llmsRoutes(app: FastifyInstance): void {
  app.get("/llms.txt", { schema: { hide: true } }, (_request, reply) =>
    reply.type("text/plain; charset=utf-8").send(text),
  );
}
