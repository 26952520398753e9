// GET /metrics: what the service counts, as Prometheus reads it. What is told is everybody's doing together, so where access
// control is on it takes a right of its own, of the whole tree: who collects it need not be able to do or read anything else.

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { Ask, isAdmin } from "../../core/access/ask.ts";
import type { Permits } from "../../core/access/permits.ts";
import { callerOf } from "../wire/callers.ts";
import { problems } from "../wire/schemas.ts";

/** What is told, and in which format. */
export interface MetricsPage {
  readonly mediaType: string;
  readonly text: () => string;
}

export function metricsRoutes(app: FastifyInstance, { mediaType, text }: MetricsPage): void {
  const config = { asksWho: true };
  app.get("/metrics", { schema: metricsSchema, config }, async (request, reply) => {
    assertObserves(callerOf(request).permits);
    reply.type(mediaType);
    return text();
  });
}

/** @throws KeeperError `forbidden` */
function assertObserves(permits: Permits): void {
  if (!isAdmin(permits)) new Ask(permits).requireOfTree("observe");
}

/** It looks at counts, and waits for nothing. */
const { 500: _internal, 503: _stopping, ...refusals } = problems();

const metricsSchema = {
  operationId: "getMetrics",
  summary: "What the service counts",
  description:
    "In the text format of Prometheus. With access control on it takes the right `observe` or `admin` on `/`, of the whole " +
    "tree: what is counted is everybody's doing.",
  tags: ["operations"],
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    ...refusals,
    200: {
      description: "Every metric there is now.",
      content: {
        "text/plain": {
          schema: Type.String({
            description: "One family after the other.",
            examples: [
              "# HELP treekeeper_zxid The last transaction.\n# TYPE treekeeper_zxid gauge\ntreekeeper_zxid 1042\n",
            ],
          }),
        },
      },
    },
  },
};
