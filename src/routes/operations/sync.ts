// POST /v1/sync: what is read here after its answer is not older than anything answered before it, on any server.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { catchUp } from "../wire/freshness.ts";
import { type RouteParts, touchSession } from "../wire/parts.ts";
import { json, problems, readHeaders } from "../wire/schemas.ts";

export function syncRoutes(plainApp: FastifyInstance, { store, sessions }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post("/v1/sync", { schema: syncSchema }, async (request, reply) => {
    touchSession(request, sessions);
    return { zxid: await catchUp(store, reply) };
  });
}

const syncPoint = Type.Object(
  {
    zxid: Type.Integer({
      description:
        "This server has this transaction, and with it every write that was answered before the request.",
    }),
  },
  { title: "SyncPoint" },
);

const syncSchema = {
  operationId: "sync",
  summary: "Wait until this server has every write that was answered before, on any server",
  description:
    "Send the answer's zxid as Min-Zxid with requests that may reach other servers. A read with " +
    "`consistency=linearizable` is this and the read in one.",
  tags: ["operations"],
  headers: readHeaders,
  response: {
    200: json(syncPoint, "The state here is as new as that.", { zxid: 1042 }),
    ...problems("session_expired"),
  },
};
