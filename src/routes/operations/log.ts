// GET /v1/admin/log: the entries of the log, for servers that follow this one. They are sent as their reader takes them, from
// what is in memory; a reader that falls behind that is cut off, and begins again with a backup. GET /v1/admin/log/end says
// how far the log goes.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { ReadonlyEpochs } from "../../core/epochs.ts";
import { KeeperError } from "../../core/errors.ts";
import { isSamePast, type Stamp } from "../../store/recent-entries.ts";
import type { Store } from "../../store/store.ts";
import { logMediaType } from "../../store/upstream/frames.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { catchUp } from "../wire/freshness.ts";
import { bytes, json, problems } from "../wire/schemas.ts";
import { type LogParts, LogReaders } from "./log-readers.ts";

export function logRoutes(plainApp: FastifyInstance, parts: LogParts): LogReaders {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const { store } = parts;
  const readers = new LogReaders(parts);
  app.get(
    "/v1/admin/log",
    { schema: { ...logSchema, querystring: logQuery }, exposeHeadRoute: false },
    async (request, reply) => {
      requireAdminOfTree(request);
      assertKept(store);
      const { after } = request.query;
      if (after > store.recent.last.lsn) await catchUp(store, reply);
      assertReachable(stampIn(request.query), store);
      return readers.begin(request, reply, after);
    },
  );
  app.get("/v1/admin/log/end", { schema: { ...endSchema, querystring: noQuery } }, async (request, reply) => {
    requireAdminOfTree(request);
    assertKept(store);
    await catchUp(store, reply);
    return readers.tail();
  });
  return readers;
}

function assertKept({ recent }: Store): void {
  if (recent.areKept) return;
  throw new KeeperError(
    "no_route",
    "This server keeps no entries for others to follow (--recent-entries-bytes-max is 0).",
  );
}

type LogQuery = { readonly after: number } & Partial<{
  readonly zxid: number;
  readonly epoch: string;
  readonly writer: string;
  readonly seq: number;
}>;

/** Null where nothing but the position is said. */
function stampIn({ after: lsn, zxid, epoch, writer, seq }: LogQuery): Stamp | Pick<Stamp, "lsn"> {
  if (zxid === undefined || epoch === undefined) return { lsn };
  const author = writer === undefined || seq === undefined ? null : { writer, seq };
  return { lsn, zxid, epoch, author };
}

/** @throws KeeperError `log_trimmed` */
function assertReachable(asked: Stamp | Pick<Stamp, "lsn">, { recent, epochs }: Store): void {
  const { lsn } = asked;
  const known = recent.stampAt(lsn);
  if (known !== undefined && (!("zxid" in asked) || isSamePast(asked, known))) return;
  if (known !== undefined || lsn > recent.last.lsn || ("zxid" in asked && !hasEpochOf(asked, epochs))) {
    const message = `What led to entry ${lsn} where you were is not what led to it here: begin anew, with a backup.`;
    throw new KeeperError("log_trimmed", message, { unknownPast: true });
  }
  throw new KeeperError(
    "log_trimmed",
    `The entries behind ${lsn} are not in memory any more: begin with a backup. More are kept with a larger ` +
      "--recent-entries-bytes-max.",
  );
}

/**
 * Whether the epoch was the current one behind that zxid, as far as epochs are remembered. It is that of the zxid, or began
 * with the next; one in which nothing was written is not known any more, and counts as another past.
 */
function hasEpochOf({ zxid, epoch }: Stamp, epochs: ReadonlyEpochs): boolean {
  return epochs.has({ zxid, epoch }) || epochs.has({ zxid: zxid + 1, epoch });
}

const noQuery = Type.Object({}, { additionalProperties: false });
const count = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const name = { maxLength: 255 };

const logQuery = Type.Object(
  {
    after: Type.Integer({
      ...count,
      description: "The position in the log that the reader has.",
      examples: [0],
    }),
    zxid: Type.Optional(
      Type.Integer({ ...count, description: "The zxid behind it: one of another past is refused." }),
    ),
    epoch: Type.Optional(Type.String({ ...name, description: "The epoch that it was in then." })),
    writer: Type.Optional(Type.String({ ...name, description: "Who wrote the entry, as the log has it." })),
    seq: Type.Optional(Type.Integer({ ...count, description: "That writer's own number for it." })),
  },
  { additionalProperties: false },
);

const tags = ["operations"];

const logSchema = {
  operationId: "followLog",
  summary: "The entries of the log from a position on, as they come",
  description:
    "For servers that follow this one (`treekeeper serve --follow`). The answer goes on until one side ends it: frames, each " +
    "with the length of its facts, the length of its body, and a CRC-32 of both, in four bytes each with the highest first. " +
    "The facts are JSON: `entry` says of an entry, whose body follows, its lsn, writer and seq, and the zxid and epoch " +
    "behind it; `tail`, once in a second, where the log ends. At most logFollowersMax servers follow at once.",
  tags,
  response: {
    200: {
      description: "Frames.",
      content: { [logMediaType]: { schema: bytes, example: "binary frames" } },
    },
    ...problems("no_route", "log_trimmed", "throttled", "suspended"),
  },
};

const tail = Type.Object(
  {
    clusterId: Type.String({ description: "Names the cluster that the log belongs to." }),
    lsn: Type.Integer({ description: "The position of its last entry." }),
    zxid: Type.Integer({ description: "The last transaction." }),
    epoch: Type.String({ description: "The epoch that transactions to come belong to." }),
    author: Type.Union(
      [
        Type.Object(
          {
            writer: Type.String({ description: "Who wrote the last entry, as the log has it." }),
            seq: Type.Integer({ description: "That writer's own number for it." }),
          },
          { title: "LogAuthor" },
        ),
        Type.Null(),
      ],
      { description: "null where this server has not heard it." },
    ),
    servers: Type.Array(Type.String(), {
      description: "Names of the processes that tell it: this one first, then those that it follows.",
    }),
    suspended: Type.Union([Type.String(), Type.Null()], {
      description: "Why it cannot be said whether that is all there is; null where it can.",
    }),
    silentMs: Type.Integer({ description: "For how long it could not be said; 0 where it can." }),
  },
  { title: "LogEnd" },
);

const endSchema = {
  operationId: "getLogEnd",
  summary: "Where the log ends",
  description:
    "For servers that follow this one: no write that was answered anywhere before this request lies behind it.",
  tags,
  response: {
    200: json(tail, "The end of the log.", {
      clusterId: "5f0c6f5e-6f0e-4f1c-9a51-2f6b8f8d0c3a",
      lsn: 5120,
      zxid: 1042,
      epoch: "3f9a01c2d4",
      author: { writer: "6f2b9c4e", seq: 17 },
      servers: ["6f2b9c4e"],
      suspended: null,
      silentMs: 0,
    }),
    ...problems("no_route", "suspended"),
  },
};
