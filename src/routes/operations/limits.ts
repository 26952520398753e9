// GET /v1/limits: every bound in force, and how far back a watch can resume now.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Watches } from "../../watches/watches.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { problems } from "../wire/schemas.ts";

export interface LimitsParts {
  /** The settings that are bounds, by name. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly watches: Watches;
}

export function limitsRoutes(plainApp: FastifyInstance, { bounds, watches }: LimitsParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.get("/v1/limits", { schema: limitsSchema }, async () => {
    const { history } = watches;
    return {
      bounds: { ...fixedLimits, ...bounds },
      history: {
        zxid: history.zxid,
        oldestZxid: history.floorZxid,
        messages: history.messageCount,
        bytes: history.bytes,
      },
    };
  });
}

const limitsAnswer = Type.Object({
  bounds: Type.Record(Type.String(), Type.Integer(), {
    description: "Each bound by the name errors call it; 0 is none, where the setting says so.",
  }),
  history: Type.Object(
    {
      zxid: Type.Integer({ description: "The last transaction." }),
      oldestZxid: Type.Integer({
        description: "A watch can resume after this transaction and any later one.",
      }),
      messages: Type.Integer(),
      bytes: Type.Integer(),
    },
    { description: "What a watch can be told again." },
  ),
});

const limitsSchema = {
  operationId: "getLimits",
  summary: "Every bound in force",
  tags: ["operations"],
  response: {
    200: {
      description: "The bounds.",
      content: {
        "application/json": {
          schema: {
            ...limitsAnswer,
            examples: [
              {
                bounds: { dataBytesMax: 1_048_576, operationsMax: 1000 },
                history: { zxid: 1042, oldestZxid: 17, messages: 1020, bytes: 310_080 },
              },
            ],
          },
        },
      },
    },
    ...problems(),
  },
};
