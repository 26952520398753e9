// POST /v1/transactions: several operations, all or nothing, at one zxid (API section 4, M1-M12).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { Operation } from "../core/command.ts";
import { failedAt } from "../core/command-syntax.ts";
import { KeeperError } from "../core/errors.ts";
import { emptyData } from "../core/znode.ts";
import { type RouteParts, wellFormed, writeContextOf } from "./parts.ts";
import { problems, stat, writeHeaders, writeProblems } from "./schemas.ts";
import { modeOf } from "./znodes.ts";

const path = Type.String({
  description: "The znode; for a sequential create, the prefix its number is added to.",
});
const safeInteger = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
const version = Type.Optional(
  Type.Integer({ ...safeInteger, description: "The version the znode must be at; -1 means any." }),
);
const data = Type.Optional(Type.String({ description: "The data as text. Not together with dataBase64." }));
const dataBase64 = Type.Optional(Type.String({ description: "The data as base64." }));
const flag = Type.Optional(Type.Boolean());
const closed = { additionalProperties: false };

const createOperation = Type.Object(
  {
    op: Type.Literal("create"),
    path,
    data,
    dataBase64,
    ephemeral: flag,
    sequential: flag,
    container: flag,
    ttlMs: Type.Optional(Type.Integer()),
  },
  closed,
);
const setOperation = Type.Object({ op: Type.Literal("set"), path, data, dataBase64, version }, closed);
const deleteOperation = Type.Object({ op: Type.Literal("delete"), path, version }, closed);
const incrementOperation = Type.Object(
  {
    op: Type.Literal("increment"),
    path,
    by: Type.Integer({
      ...safeInteger,
      description: "Added to the decimal text the znode holds; empty counts as 0.",
    }),
  },
  closed,
);
const checkOperation = Type.Object(
  {
    op: Type.Literal("check"),
    path,
    exists: Type.Optional(Type.Boolean({ description: "false: the znode must not exist." })),
    version,
    czxid: Type.Optional(Type.Integer({ ...safeInteger, description: "The incarnation the znode must be." })),
  },
  closed,
);

const operation = Type.Union(
  [createOperation, setOperation, deleteOperation, incrementOperation, checkOperation],
  { description: "One step; it sees the effects of the steps before it." },
);

type WireOperation = Static<typeof operation>;

/** `oneOf` with a discriminator: an operation is judged by its own shape, so that a fault is named precisely. */
const transactionBody = Type.Object(
  {
    operations: Type.Array(
      Type.Unsafe<WireOperation>({
        type: "object",
        discriminator: { propertyName: "op" },
        required: ["op"],
        oneOf: operation.anyOf,
      }),
    ),
  },
  { ...closed, examples: [{ operations: [{ op: "check", path: "/config", version: 3 }] }] },
);

export function transactionRoutes(plainApp: FastifyInstance, { store, sessions, limits }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post(
    "/v1/transactions",
    {
      schema: { ...transactionSchema, body: transactionBody },
      bodyLimit: limits.transactionBytesMax,
      config: { bodyLimitName: "transactionBytesMax" },
    },
    async (request) => {
      const { operations } = request.body;
      const commit = await store.submit({
        type: "multi",
        operations: operations.map((wire, index) => operationAt(wire, index, operations.length)),
        ...writeContextOf(request, sessions),
      });
      return { zxid: commit.zxid, results: [...commit.outcome.results] };
    },
  );
}

/** A malformed operation is the failing one of its transaction (M3, M5). */
function operationAt(wire: WireOperation, index: number, count: number): Operation {
  try {
    return toOperation(wire);
  } catch (error) {
    throw failedAt(index, count, error);
  }
}

function toOperation(wire: WireOperation): Operation {
  switch (wire.op) {
    case "create":
      return { type: "create", path: wire.path, data: bytesOf(wire), mode: modeOf(wire) };
    case "set":
      return { type: "setData", path: wire.path, data: bytesOf(wire), ...defined({ version: wire.version }) };
    case "delete":
      return { type: "delete", path: wire.path, ...defined({ version: wire.version }) };
    case "increment":
      return { type: "increment", path: wire.path, by: wire.by };
    case "check": {
      const { exists, version: expected, czxid } = wire;
      return { type: "check", path: wire.path, ...defined({ exists, version: expected, czxid }) };
    }
  }
}

/** The members that are there: an absent one stays absent in the log. */
function defined<T extends object>(members: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function bytesOf(wire: { data?: string; dataBase64?: string }): Uint8Array {
  if (wire.data !== undefined && wire.dataBase64 !== undefined) {
    throw new KeeperError("bad_request", "Give data or dataBase64, not both.");
  }
  if (wire.data !== undefined) return Buffer.from(wellFormed(wire.data, "data"), "utf8");
  if (wire.dataBase64 === undefined) return emptyData;
  if (!base64Text.test(wire.dataBase64))
    throw new KeeperError("bad_request", "dataBase64 is not valid base64.");
  return Buffer.from(wire.dataBase64, "base64");
}

const transactionAnswer = Type.Object({
  zxid: Type.Integer({ description: "The transaction's zxid; the current one when it changed nothing." }),
  results: Type.Array(
    Type.Object({
      op: Type.String(),
      path: Type.String(),
      stat: Type.Optional(stat),
      value: Type.Optional(Type.String({ description: "What an increment left, as decimal text." })),
    }),
    { description: "One result for each operation, in order." },
  ),
});

const transactionSchema = {
  operationId: "transact",
  summary: "Several operations, all or nothing",
  tags: ["transactions"],
  headers: writeHeaders,
  response: {
    200: {
      description: "All were done, at one zxid.",
      content: {
        "application/json": {
          schema: {
            ...transactionAnswer,
            examples: [{ zxid: 1042, results: [{ op: "delete", path: "/old" }] }],
          },
        },
      },
    },
    ...problems(
      ...writeProblems,
      "bad_mode",
      "bad_ttl",
      "session_required",
      "reserved_path",
      "no_node",
      "node_exists",
      "not_empty",
      "ephemeral_parent",
      "bad_version",
      "too_large",
      "too_many_operations",
    ),
  },
};
