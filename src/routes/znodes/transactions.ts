// POST /v1/transactions: several operations, all or nothing, at one zxid (API section 4, M1-M12).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { failedAt, validateOperationCount } from "../../core/command-syntax.ts";
import { turnBetween } from "../http/turns.ts";
import { shownBy } from "../wire/acl-identities.ts";
import { refuseConditions } from "../wire/conditions.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { operationReader, operationsBody, toOperation, writeShapes } from "../wire/operations.ts";
import type { RouteParts } from "../wire/parts.ts";
import { json, postHeaders, problems, replayedHeader, stat, writeProblems } from "../wire/schemas.ts";

const readOperation = operationReader(writeShapes);
const { envelope, documented } = operationsBody(writeShapes, {
  names: { body: "TransactionRequest", operation: "TransactionOperation" },
  example: { op: "check", path: "/config", version: 3 },
});

export function transactionRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post(
    "/v1/transactions",
    {
      schema: { ...transactionSchema, body: envelope },
      bodyLimit: limits.transactionBytesMax,
      config: { bodyLimitName: "transactionBytesMax", documentedBody: documented, answersAtLength: true },
    },
    async (request, reply) => {
      const wires = request.body.operations;
      validateOperationCount(wires.length, limits);
      const { digests } = shownBy(request);
      const operations = wires.map((wire, index) => {
        try {
          return toOperation(readOperation(wire), digests);
        } catch (error) {
          // A malformed operation, whatever is wrong with it, is the failing one of its transaction (M3, M5).
          throw failedAt(index, wires.length, error);
        }
      });
      refuseConditions(request.headers, ["if-match", "if-none-match"], conditionHint);
      const contextOf = keyedContextsOf(request, parts);
      const commit = await store.submit({ type: "multi", operations, ...contextOf() });
      await turnBetween(operations.length);
      noteReplay(reply, commit);
      return { zxid: commit.zxid, results: [...commit.outcome.results] };
    },
  );
}

const conditionHint = "Put the conditions of a transaction into its operations: version, or a check.";

const operationResult = Type.Object(
  {
    op: Type.String({ description: "What was asked for." }),
    path: Type.String({ description: "The znode; that of a sequential create has its number." }),
    stat: Type.Optional(stat),
    value: Type.Optional(Type.String({ description: "What an increment left, as decimal text." })),
  },
  { title: "OperationResult" },
);

const transactionAnswer = Type.Object(
  {
    zxid: Type.Integer({ description: "The transaction's zxid; the current one when it changed nothing." }),
    results: Type.Array(operationResult, { description: "One result for each operation, in order." }),
  },
  { title: "TransactionResults" },
);

const transactionSchema = {
  operationId: "transact",
  summary: "Several operations, all or nothing",
  description:
    "Later operations see what earlier ones did. Where one is refused none is done, and the refusal says which it was.",
  tags: ["transactions"],
  headers: postHeaders,
  response: {
    200: {
      ...json(transactionAnswer, "All were done, at one zxid.", {
        ...{ zxid: 1042, results: [{ op: "delete", path: "/old" }] },
      }),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "bad_mode",
      "bad_ttl",
      "bad_acl",
      "session_required",
      "quota_exceeded",
      "reserved_path",
      "no_node",
      "node_exists",
      "not_empty",
      "ephemeral_parent",
      "bad_version",
      "too_large",
      "too_many_operations",
      "too_many_changes",
      "idempotency_key_reused",
    ),
  },
};
