// The log of another server, as a server has it that follows: entries are heard of and never appended. What was heard is of
// one past: positions go on, and the state behind each entry is where it was over there. Anything else ends the process, and
// the next start begins with a backup.

import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { stampText } from "../../core/epochs.ts";
import {
  assertCovered,
  type CommitLog,
  type Covering,
  type EntriesHandler,
  type LogInfo,
  type LogState,
  type LogUsage,
  type Lsn,
  NotAppendedError,
} from "../commit-log.ts";
import { GivenUpError, type LogConnection } from "../log-connection.ts";
import type { Stamp, StampedEntry } from "../recent-entries.ts";
import type { Frame, Tail } from "./frames.ts";
import { connectionTo, type Surroundings, usualPaces } from "./patience.ts";
import { UpstreamRefusal } from "./refusals.ts";
import type { Upstream } from "./upstream.ts";

/** As other logs have it. */
const entryBytesMax = 16_777_216;
/** Entries that were handed over and not done yet. */
const handedMax = 1000;

export class UpstreamLog implements CommitLog {
  readonly info: LogInfo;
  readonly writer = randomBytes(8).toString("hex");
  readonly #upstream: Upstream;
  readonly #clock: Clock;
  readonly #connection: LogConnection;
  readonly #abort = new AbortController();
  #cancelLook = () => {};
  #isFollowed = false;
  #tail: Tail;
  /** When the other end was last heard of at which this one was not behind, by the monotonic clock. */
  #levelMs: number;
  /** What the state stands at that goes on from here; it tells itself from other pasts. */
  #begin: Stamp | null = null;
  /** Handed over, and to be compared with what became of it. */
  readonly #handed: StampedEntry[] = [];
  #reached: Lsn = 0;

  /** @param tail as it was found when somebody answered first */
  constructor(
    upstream: Upstream,
    { clock, paces = usualPaces }: Pick<Surroundings, "clock" | "paces">,
    tail: Tail,
  ) {
    this.#upstream = upstream;
    this.#clock = clock;
    this.#connection = connectionTo(upstream, clock, paces);
    this.#tail = tail;
    this.#levelMs = clock.monotonicMs();
    this.info = { kind: "upstream", clusterId: tail.clusterId, entryBytesMax, isShared: true };
  }

  append(): Promise<Lsn> {
    return Promise.reject(new NotAppendedError("A server that follows another writes nothing to its log."));
  }

  /** Where the state stands that is going to follow; without, what is asked for is taken for what it is. */
  beginAt(stamp: Stamp): void {
    this.#begin = stamp;
    this.#reached = stamp.lsn;
  }

  /** The state has come to where the entry leads. It has to be where it was over there. */
  reached({ lsn, zxid, epoch }: Pick<Stamp, "lsn" | "zxid" | "epoch">): void {
    this.#reached = lsn;
    this.#noteLevel();
    while ((this.#handed[0]?.lsn ?? lsn) < lsn) this.#handed.shift();
    const [entry] = this.#handed;
    if (entry?.lsn !== lsn || (entry.zxid === zxid && entry.epoch === epoch)) return;
    const [here, there] = [stampText({ zxid, epoch }), stampText(entry)];
    this.#connection.fail(
      `entry ${lsn} led to zxid ${here} here and to ${there} at the server that is followed: the two do not agree ` +
        "what it means. Run the same version on both, then start again with an empty data directory.",
    );
  }

  follow(after: Lsn, onEntries: EntriesHandler): void {
    // Before there was nobody to be heard, and perhaps a file to be read.
    if (!this.#isFollowed) this.#lookLater();
    this.#isFollowed = true;
    this.#connection.answered();
    void this.#follow(this.#begin?.lsn === after ? this.#begin : { lsn: after }, onEntries);
  }

  async #follow(begin: Stamp | Pick<Stamp, "lsn">, onEntries: EntriesHandler): Promise<void> {
    let from = begin;
    while (!this.#connection.isOver) {
      const attempt = new AbortController();
      const { url } = this.#upstream;
      let { retryMs: pauseMs } = this.#connection.paces;
      const signal = AbortSignal.any([this.#abort.signal, attempt.signal]);
      try {
        for await (const frames of this.#upstream.frames(from, signal)) {
          const entries = this.#take(frames, from.lsn);
          const last = entries.at(-1);
          if (last === undefined) continue;
          from = stampOf(last);
          await onEntries(entries.map(({ lsn, writer, seq, body }) => ({ lsn, writer, seq, body })));
          if (this.#connection.isOver) break;
        }
        throw new Error(`${url.origin} told no more`);
      } catch (error) {
        this.#lost(error, url);
        pauseMs = this.#connection.pauseMsAfter(error);
      } finally {
        attempt.abort();
      }
      await this.#pause(pauseMs);
    }
  }

  /** @throws Error where one is missing */
  #take(frames: readonly Frame[], after: Lsn): StampedEntry[] {
    const entries: StampedEntry[] = [];
    for (const frame of frames) {
      if (frame.kind === "tail") this.#hear(frame.tail);
      else entries.push(frame.entry);
    }
    const gap = entries.findIndex(({ lsn }, index) => lsn !== after + 1 + index);
    if (gap !== -1) throw new Error(`entry ${after + 1 + gap} was left out`);
    this.#handed.push(...entries);
    if (this.#handed.length > handedMax) this.#handed.splice(0, this.#handed.length - handedMax);
    return entries;
  }

  #hear(tail: Tail): void {
    if (!this.#isToBeBelieved(tail)) return;
    this.#tail = tail;
    this.#connection.answered();
    this.#noteLevel();
  }

  /** Where it is not, the log is in another state from here on. */
  #isToBeBelieved({ clusterId, servers, suspended, silentMs }: Tail): boolean {
    if (clusterId !== this.info.clusterId) {
      this.#connection.fail(`another cluster answers at ${this.#upstream.url.origin}: ${clusterId}`);
    } else if (servers.includes(this.writer)) {
      this.#connection.fail(`this server follows itself, by way of ${this.#upstream.url.origin}`);
    } else if (suspended !== null) {
      const cause = `the server that is followed cannot say how it stands: ${suspended}`;
      this.#connection.suspend(cause, silentMs);
    } else return true;
    return false;
  }

  #noteLevel(): void {
    if (this.#reached >= this.#tail.lsn) this.#levelMs = this.#clock.monotonicMs();
  }

  #lost(error: unknown, url: URL): void {
    if (this.#connection.isOver) return;
    if (error instanceof UpstreamRefusal && error.code === "log_trimmed") {
      this.#connection.fail(`${error.message} Start it again: it does so by itself.`, error);
      return;
    }
    this.#connection.notAnswered(error);
    this.#upstream.moveOn(url);
  }

  async #pause(pauseMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const cancel = this.#clock.setTimer(pauseMs, wake);
    this.#abort.signal.addEventListener("abort", wake);
    await promise;
    cancel();
    this.#abort.signal.removeEventListener("abort", wake);
  }

  async tail(): Promise<Lsn> {
    // That somebody answers this question is no word of whether what is heard is all there is.
    let { url } = this.#upstream;
    return await this.#connection.untilGiven(
      () => {
        url = this.#upstream.url;
        return this.#askEnd();
      },
      () => {
        if (this.#connection.isOver) throw new GivenUpError("the log was closed meanwhile");
        this.#upstream.moveOn(url);
      },
    );
  }

  /** @throws Error where the answer is not to be believed */
  async #askEnd(): Promise<Lsn> {
    const reached = this.#reached;
    const tail = await this.#upstream.end(this.#abort.signal);
    if (!this.#isToBeBelieved(tail)) throw new Error("it cannot say where the log ends");
    if (tail.lsn >= reached) return tail.lsn;
    const cause =
      `the log of ${this.#upstream.url.origin} ends at entry ${tail.lsn}, and this server has come to ${reached}: ` +
      "the two are of different pasts. Start it again: it begins anew.";
    this.#connection.fail(cause);
    throw new Error(cause);
  }

  /** It is not this server's to trim. */
  async trim(upTo: Lsn, covering: Covering): Promise<void> {
    assertCovered(upTo, covering);
  }

  /** Nothing of it is kept here. */
  async usage(): Promise<LogUsage> {
    return { entries: 0, bytes: 0 };
  }

  /** Names of the processes that the log comes by, nearest first. */
  get servers(): readonly string[] {
    return this.#tail.servers;
  }

  /** Entries that are known to be there and are not done yet; and for how long it has not been known to have all. */
  get lag(): { readonly entries: number; readonly ms: number } {
    const entries = Math.max(0, this.#tail.lsn - this.#reached);
    return { entries, ms: this.#clock.monotonicMs() - this.#levelMs };
  }

  /** Whoever says nothing is noticed, too. */
  #lookLater(): void {
    this.#cancelLook = this.#clock.setTimer(this.#connection.paces.probeEveryMs, () => {
      this.#connection.look();
      this.#lookLater();
    });
  }

  onState(listener: (state: LogState) => void): void {
    this.#connection.onState(listener);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#cancelLook();
    this.#abort.abort();
    this.#upstream.close();
  }
}

function stampOf({ lsn, zxid, epoch, writer, seq }: StampedEntry): Stamp {
  return { lsn, zxid, epoch, author: { writer, seq } };
}
