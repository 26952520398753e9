// Those who read the log of this server now: each is sent what is in memory as it takes it, nothing is kept for it, and one
// that falls behind is cut off.

import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { Store } from "../../store/store.ts";
import { encodeFrame, logMediaType, type Tail } from "../../store/upstream/frames.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { isGone } from "../http/gone.ts";
import { callerOf } from "../wire/callers.ts";
import { pieceBytes } from "../wire/pieces.ts";

/** How often a reader is told where the log ends, so that it knows that somebody is there. */
const tailEveryMs = 1000;

export interface LogParts {
  readonly store: Store;
  /** Names of the processes that this one follows, nearest first. */
  readonly upstreamServers: () => readonly string[];
}

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
      if (!isLate && (hasOthers() || isWriting(this.#parts.store))) return;
      for (const stream of this.#open.keys()) stream.finish();
      if (isLate) for (const stream of this.#open.keys()) stream.destroy();
    }, closeLookMs);
    return () => clearInterval(look);
  }
}

/** Whether anything more comes of what was accepted: while the log is out of reach nobody waits for that. */
function isWriting({ waitingCount, logState: { state } }: Store): boolean {
  return waitingCount > 0 && state !== "suspended" && state !== "failed";
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
