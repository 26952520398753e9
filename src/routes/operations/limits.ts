// GET /v1/limits: every bound in force, how far back a watch can resume now, and of which past the store is.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { isAdmin } from "../../core/access/ask.ts";
import type { Store } from "../../store/store.ts";
import type { Watches } from "../../watches/watches.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { callerOf } from "../wire/callers.ts";
import { json, problems } from "../wire/schemas.ts";

export interface LimitsParts {
  /** The settings that are bounds, by name. */
  readonly bounds: Readonly<Record<string, number>>;
  readonly watches: Watches;
  readonly store: Pick<Store, "epochs" | "unknownPasts">;
}

export function limitsRoutes(plainApp: FastifyInstance, { bounds, watches, store }: LimitsParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.get("/v1/limits", { schema: limitsSchema }, async (request) => {
    const { history } = watches;
    // How long the messages are says how much others have written, and of what size.
    const sizes = isAdmin(callerOf(request).permits) && {
      messages: history.messageCount,
      bytes: history.bytes,
    };
    return {
      bounds: { ...fixedLimits, ...bounds },
      history: { zxid: history.zxid, oldestZxid: history.floorZxid, ...sizes },
      past: {
        epoch: store.epochs.current.id,
        firstZxid: store.epochs.current.firstZxid,
        unknownShown: store.unknownPasts.count,
      },
    };
  });
}

const limitsAnswer = Type.Object(
  {
    bounds: Type.Record(Type.String(), Type.Integer(), {
      title: "Bounds",
      description: "Each bound by the name errors call it; 0 is none, where the setting says so.",
    }),
    history: Type.Object(
      {
        zxid: Type.Integer({ description: "The last transaction." }),
        oldestZxid: Type.Integer({
          description: "A watch can resume after this transaction and any later one.",
        }),
        messages: Type.Optional(
          Type.Integer({ description: "Transactions that can be told again; shown to an admin." }),
        ),
        bytes: Type.Optional(Type.Integer({ description: "What they take; shown to an admin." })),
      },
      { title: "History", description: "What a watch can be told again." },
    ),
    past: Type.Object(
      {
        epoch: Type.String({
          description:
            "What its zxids are shown with in ids, fences and ETags; empty before the first write.",
        }),
        firstZxid: Type.Integer({ description: "Its first transaction, which may be yet to come." }),
        unknownShown: Type.Integer({
          description:
            "How often since the start a client has shown what never happened here: of an older copy that was put back, this grows.",
        }),
      },
      { title: "Past", description: "The epoch that transactions belong to now." },
    ),
  },
  { title: "Limits" },
);

const limitsSchema = {
  operationId: "getLimits",
  summary: "Every bound in force",
  description:
    "By the names that refusals call them, with how far back a watch can resume and of which past the store is.",
  tags: ["operations"],
  response: {
    200: json(limitsAnswer, "The bounds.", {
      bounds: { dataBytesMax: 1_048_576, operationsMax: 1000 },
      history: { zxid: 1042, oldestZxid: 17, messages: 1020, bytes: 310_080 },
      past: { epoch: "3f9a01c2d4", firstZxid: 1001, unknownShown: 0 },
    }),
    ...problems(),
  },
};
