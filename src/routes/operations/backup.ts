// GET /v1/admin/backup: the whole store as one file, as of one moment, while the service goes on. It is made first and sent
// then, so that its length and its digest stand in the headers; how long a slow reader may keep it is bounded.

import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { setTimeout as rest } from "node:timers/promises";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Ask } from "../../core/access/ask.ts";
import { KeeperError } from "../../core/errors.ts";
import type { BackupFacts, BackupSource, TakenBackup } from "../../store/backup-source.ts";
import type { Store } from "../../store/store.ts";
import type { Answers, HeldAnswer } from "../http/answers.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";
import { callerOf } from "../wire/callers.ts";
import { fileMediaType } from "../wire/ndjson.ts";
import { pieceBytes } from "../wire/pieces.ts";
import { bytes, problems } from "../wire/schemas.ts";

interface BackupParts {
  readonly backups?: BackupSource;
  readonly answers: Answers;
  readonly store: Pick<Store, "clock" | "rightsInUse">;
}

export function backupRoutes(plainApp: FastifyInstance, parts: BackupParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const options = { schema: { ...backupSchema, querystring: noQuery }, exposeHeadRoute: false };
  app.get("/v1/admin/backup", options, (request, reply) => {
    new Ask(callerOf(request).permits).requireOfTree("admin");
    const { backups } = parts;
    if (backups === undefined) {
      throw new KeeperError(
        "no_route",
        "This server keeps its store in no file; there is nothing to take a backup of.",
      );
    }
    return send(request, reply, { ...parts, backups });
  });
}

const noQuery = Type.Object({}, { additionalProperties: false });

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { backups, answers, store }: BackupParts & { readonly backups: BackupSource },
): Promise<FastifyReply> {
  const held = answers.hold(request, 2 * pieceBytes);
  const gone = new AbortController();
  const onClose = () =>
    gone.abort(new KeeperError("bad_request", "Whoever asked is gone; nothing was sent."));
  reply.raw.once("close", onClose);
  if (isGone(reply.raw)) onClose();
  let stream: BackupStream | null = null;
  const rights = store.rightsInUse.follow(callerOf(request), () => {
    const reason = new KeeperError("forbidden", "What who asked may do has changed since.");
    gone.abort(reason);
    stream?.destroy(reason);
  });
  try {
    const backup = await backups.take(gone.signal);
    stream = new BackupStream(backup, held, store.clock);
    stream.once("close", rights);
    return reply.headers(headersOf(backup)).send(stream);
  } catch (error) {
    rights();
    held.release();
    throw error;
  } finally {
    reply.raw.off("close", onClose);
  }
}

function headersOf(facts: BackupFacts): Record<string, string | number> {
  return {
    "Content-Type": fileMediaType,
    "Content-Length": facts.bytes,
    "Content-Disposition": `attachment; filename="${fileNameOf(facts)}"`,
    "Repr-Digest": `sha-256=:${facts.sha256}:`,
    "Backup-Zxid": facts.zxid,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
  };
}

function fileNameOf({ takenAtMs, zxid }: BackupFacts): string {
  const time = new Date(takenAtMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `treekeeper-${time}-${zxid}.db`;
}

/** Between two pieces, for others: a reader on the same machine or a fast network takes all that it is given. */
const restMs = 2;

/** Read as its client takes it. Where that takes too long it is cut off, which the length that was said gives away. */
class BackupStream extends Readable {
  readonly #backup: TakenBackup;
  readonly #held: HeldAnswer;
  readonly #cancelTimer: () => void;
  /** What was read so far. */
  producedBytes = 0;

  constructor(backup: TakenBackup, held: HeldAnswer, clock: Store["clock"]) {
    super({ highWaterMark: pieceBytes });
    this.#backup = backup;
    this.#held = held;
    held.cut = () => this.destroy(new Error("the client took nothing of its backup, and others needed room"));
    const { backupBytesPerSecondMin, backupGraceMs } = fixedLimits;
    const withinMs = backupGraceMs + (backup.bytes / backupBytesPerSecondMin) * 1000;
    this.#cancelTimer = clock.setTimer(withinMs, () =>
      this.destroy(new Error("the client took too long over its backup")),
    );
  }

  override _read(): void {
    this.#held.taken();
    rest(restMs)
      .then(() => this.#readPiece(this.#backup.content))
      .then(
        (piece) => this.push(piece),
        (error: Error) => this.destroy(error),
      );
  }

  /** Null at the end. */
  async #readPiece(content: FileHandle): Promise<Uint8Array | null> {
    const left = this.#backup.bytes - this.producedBytes;
    if (left === 0) return null;
    const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, left));
    const { bytesRead } = await content.read(piece, 0, piece.byteLength, this.producedBytes);
    if (bytesRead === 0) throw new Error("the backup is shorter than it was");
    this.producedBytes += bytesRead;
    // Before its client can know that it has all of it, and ask for the next one.
    if (this.producedBytes === this.#backup.bytes) await this.#backup.release();
    return piece.subarray(0, bytesRead);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cancelTimer();
    this.#held.release();
    this.#backup.release().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }
}

const backupSchema = {
  operationId: "takeBackup",
  summary: "The whole store as one file, as of one moment",
  description:
    "For an operator, and for `treekeeper backup`: a SQLite file of the tree, the sessions, who may do what, and the " +
    "history, as of the transaction that `Backup-Zxid` says. All that was acknowledged before the request is in it. Others " +
    "read and write meanwhile. The answer begins when the copy is made, which takes some seconds for 100 MB. There is " +
    "one at a time, and who takes it reads it at backupBytesPerSecondMin or faster; one that is not as long as " +
    "`Content-Length` says was cut off. Hold what arrived against `Repr-Digest`. All secrets of the store are in it, tokens as hashes.",
  tags: ["operations"],
  response: {
    200: {
      description: "The file.",
      content: { [fileMediaType]: { schema: bytes, example: "SQLite format 3" } },
      headers: {
        "Backup-Zxid": Type.Integer({ description: "The last transaction in it.", examples: [1042] }),
        "Repr-Digest": Type.String({
          description: "The SHA-256 of the file (RFC 9530).",
          examples: ["sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"],
        }),
        "Content-Disposition": Type.String({
          description: "A name for the file, with the time and the transaction.",
          examples: ['attachment; filename="treekeeper-20260301T040000Z-1042.db"'],
        }),
      },
    },
    ...problems("no_route", "throttled", "no_room"),
  },
};
