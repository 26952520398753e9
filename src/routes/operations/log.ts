// GET /v1/admin/log: the entries of the log, for servers that follow this one. They are sent as their reader takes them, from
// what is in memory; a reader that falls behind that is cut off, and begins again with a backup. GET /v1/admin/log/end says
// how far the log goes.

import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { ReadonlyEpochs } from "../../core/epochs.ts";
import { KeeperError } from "../../core/errors.ts";
import { isSamePast, type Stamp } from "../../store/recent-entries.ts";
import type { Store } from "../../store/store.ts";
import { encodeFrame, logMediaType, type Tail } from "../../store/upstream/frames.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";
import { callerOf, requireAdminOfTree } from "../wire/callers.ts";
import { catchUp } from "../wire/freshness.ts";
import { pieceBytes } from "../wire/pieces.ts";
import { bytes, json, problems } from "../wire/schemas.ts";

/** How often a reader is told where the log ends, so that it knows that somebody is there. */
const tailEveryMs = 1000;

interface LogParts {
  readonly store: Store;
  /** Names of the processes that this one follows, nearest first. */
  readonly upstreamServers: () => readonly string[];
}

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

/** Those who read the log now. */
export class LogReaders {
  readonly #parts: LogParts;
  /** Each with where its connection comes from. */
  readonly #open = new Map<LogStream, string>();

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#open.size;
  }

  tail(): Tail {
    const { store, upstreamServers } = this.#parts;
    const { lsn, zxid, epoch, author } = store.recent.last;
    const { logState } = store;
    const suspended = logState.state === "suspended" ? logState.cause : null;
    const servers = [store.writer, ...upstreamServers()];
    const { silentMs } = store.suspension;
    return { clusterId: store.clusterId, lsn, zxid, epoch, author, servers, suspended, silentMs };
  }

  /** @throws KeeperError `throttled` */
  begin(request: FastifyRequest, reply: FastifyReply, after: number): FastifyReply {
    const { logFollowersMax: limitValue } = fixedLimits;
    if (this.#open.size >= limitValue) {
      const message = `${limitValue} servers follow this one, and no more can: follow one of them.`;
      const details = { limit: "logFollowersMax", limitValue, retryAfterSeconds: 5 };
      throw new KeeperError("throttled", message, details);
    }
    const { store } = this.#parts;
    const stream = new LogStream(store, after, () => this.tail());
    const stopFollowing = store.rightsInUse.follow(callerOf(request), () => stream.destroy());
    this.#open.set(stream, endOf(request.raw.socket));
    stream.once("close", () => {
      stopFollowing();
      this.#open.delete(stream);
    });
    if (isGone(reply.raw)) stream.destroy();
    return reply.headers(logHeaders).send(stream);
  }

  /** Whether one of them is on the connection. */
  areOn(connection: Pick<Socket, "remoteAddress" | "remotePort">): boolean {
    const end = endOf(connection);
    for (const other of this.#open.values()) if (other === end) return true;
    return false;
  }

  /**
   * Each has told all there is before it ends: what is written later, and what it had not told, is in no memory after a
   * restart. So it waits until nobody else has a request under way. Returns a function that says the server has closed.
   */
  close(hasOthers: () => boolean): () => void {
    const startedMs = performance.now();
    const look = setInterval(() => {
      const isLate = performance.now() - startedMs > closeMsMax;
      if (!isLate && (hasOthers() || this.#parts.store.waitingCount > 0)) return;
      for (const stream of this.#open.keys()) stream.finish();
      if (isLate) for (const stream of this.#open.keys()) stream.destroy();
    }, closeLookMs);
    return () => clearInterval(look);
  }
}

/** By which a connection is known: under TLS a request has another socket, and the same address. */
function endOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}

const closeLookMs = 20;
/** More than requests under way have, and less than a process has that ends. */
const closeMsMax = 7500;

const logHeaders = {
  "Content-Type": logMediaType,
  "Cache-Control": "no-store",
  "X-Accel-Buffering": "no",
  "X-Content-Type-Options": "nosniff",
};

/** It holds nothing but its place: entries are taken from memory when its reader takes them. */
class LogStream extends Readable {
  readonly #store: Store;
  readonly #tail: () => Tail;
  readonly #stopHearing: () => void;
  #after: number;
  /** Whether its reader takes more. */
  #isWanted = false;
  #isScheduled = false;
  #isTailDue = true;
  /** Whether it ends behind what there is. */
  #isFinishing = false;
  #cancelTimer = () => {};

  constructor(store: Store, after: number, tail: () => Tail) {
    super({ highWaterMark: pieceBytes });
    this.#store = store;
    this.#after = after;
    this.#tail = tail;
    this.#stopHearing = store.recent.onAdded(() => this.#sendSoon());
    this.#tellLater();
  }

  /** Tells what there is yet, and ends in good order: its reader asks somebody else. */
  finish(): void {
    this.#isFinishing = true;
    this.#sendSoon();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#sendSoon();
  }

  #tellLater(): void {
    this.#cancelTimer = this.#store.clock.setTimer(tailEveryMs, () => {
      this.#isTailDue = true;
      this.#sendSoon();
      this.#tellLater();
    });
  }

  /** What came in one turn goes together; and others have a turn before the next piece. */
  #sendSoon(): void {
    if (!this.#isWanted || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.destroyed) this.#send();
    });
  }

  #send(): void {
    const pieces = this.#nextPieces();
    if (pieces === null) {
      this.destroy(new Error("a follower fell too far behind"));
    } else if (pieces.length > 0) {
      this.#isWanted = false;
      for (const piece of pieces) this.push(piece);
    } else if (this.#isFinishing) {
      this.#isWanted = false;
      this.push(null);
    }
  }

  /** Some of what there is to tell; null where its next entry is gone. */
  #nextPieces(): Uint8Array[] | null {
    const pieces: Uint8Array[] = [];
    let size = 0;
    if (this.#isTailDue) pieces.push(...encodeFrame({ kind: "tail", tail: this.#tail() }));
    this.#isTailDue = false;
    while (size < pieceBytes) {
      const entry = this.#store.recent.after(this.#after);
      if (entry === undefined) return null;
      if (entry === null) break;
      pieces.push(...encodeFrame({ kind: "entry", entry }));
      size += entry.body.byteLength + smallestFrameBytes;
      this.#after = entry.lsn;
    }
    return pieces;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cancelTimer();
    this.#stopHearing();
    done(error);
  }
}

/** About what an entry takes beside its body. */
const smallestFrameBytes = 100;

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
