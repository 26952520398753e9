// How much of etcd's quota is used, and what follows of it for writes. etcd itself knows one answer to a full quota: an
// alarm, behind which nothing is put any more until somebody lifts it. Our own writers never go so far: from one share on
// they are slowed down and the log is made short, from another on only what makes room or keeps sessions alive is put. It is
// asked for now and then, and what is put meanwhile is counted.

import type { Clock } from "../../clock.ts";
import type { WritePace } from "../commit-log.ts";
import { type EtcdHealthCalls, noSpaceAlarm } from "./etcd-calls.ts";
import { closedShare, tightShare } from "./quota-shares.ts";

export interface RoomStats {
  /** Of the member that uses most. */
  readonly dbBytes: number;
  readonly dbBytesInUse: number;
  readonly quotaBytes: number;
  /** Alarms that are raised, of any kind and member. */
  readonly alarms: number;
  /** Writes that were put off since the start. */
  readonly throttledTotal: number;
}

export interface RoomParts {
  readonly calls: EtcdHealthCalls;
  readonly clock: Clock;
  /** etcd does not say what its quota is. */
  readonly quotaBytes: number;
}

/** Of the quota: so much less in use than what closes it, and it is open again. */
const slackShare = 0.02;
/** What nobody but the alarm's own reserve is to touch: of the file, which does not become smaller by itself. */
const fileShareMax = 0.95;
const requestBytesMax = 2_097_152;

const askEveryMs = 2000;
/** Of the quota; when so much was put since it was asked for, it is asked for again. */
const unaskedShare = 1 / 64;
/** What is put takes more in etcd's file than it is long. */
const growth = 1.2;

/** Slowed down, writers would need about so long to come from anywhere to where they are refused. */
const reachMs = 60_000;
const bytesPerSecondMin = 1024;
const burstBytesMin = 65_536;

export class Room implements WritePace {
  readonly #parts: RoomParts;
  #listener: () => void = () => {};
  #dbBytes = 0;
  #dbBytesInUse = 0;
  #alarms: readonly number[] = [];
  /** Put since etcd was last asked, and in the time before: of the last moments it does not know yet. */
  #putBytes = 0;
  #putBytesBefore = 0;
  #isClosed = false;
  #isAsking = false;
  #isStopped = true;
  #cancel = () => {};
  /** Bytes that may be put at once; below none the writers wait. */
  #tokens = burstBytesMin;
  #refilledMs: number;
  #throttledTotal = 0;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#refilledMs = parts.clock.monotonicMs();
  }

  /** @param listener called when something may follow from what is known now */
  start(listener: () => void): void {
    this.#listener = listener;
    this.#isStopped = false;
    void this.#askNow();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  stats(): RoomStats {
    const { quotaBytes } = this.#parts;
    return {
      ...{ dbBytes: this.#dbBytes, dbBytesInUse: this.#dbBytesInUse, quotaBytes },
      ...{ alarms: this.#alarms.length, throttledTotal: this.#throttledTotal },
    };
  }

  /** Something was put, by this server or another. */
  note(bytes: number): void {
    this.#putBytes += bytes * growth;
    this.#decide();
    if (this.#putBytes > this.#parts.quotaBytes * unaskedShare) void this.#askNow();
  }

  /** Whether etcd takes nothing at all. */
  get hasAlarm(): boolean {
    return this.#alarms.includes(noSpaceAlarm);
  }

  get isTight(): boolean {
    return this.#bytesInUse >= this.#parts.quotaBytes * tightShare;
  }

  /** Why only what makes room may be put; null while others may as well. */
  get refusal(): string | null {
    if (!this.#isClosed) return null;
    const { quotaBytes } = this.#parts;
    const percent = (bytes: number) => `${Math.round((100 * bytes) / quotaBytes)} %`;
    if (this.#bytesInUse >= quotaBytes * (closedShare - slackShare))
      return `${percent(this.#bytesInUse)} of etcd's quota is in use`;
    return `etcd's file has ${percent(this.#fileBytes)} of its quota, and has to be defragmented`;
  }

  /** Whether an entry, or a piece of a snapshot, can be put without the quota's being used up. */
  hasRoomFor(bytes: number): boolean {
    return this.#fileBytesWith(bytes * growth) <= this.#fileBytesMax;
  }

  delayMs(): number {
    if (!this.isTight) return 0;
    const bytesPerSecond = this.#refill();
    return this.#tokens > 0 ? 0 : Math.ceil(Math.max(1, (-this.#tokens * 1000) / bytesPerSecond));
  }

  taken(bytes: number): void {
    if (this.isTight) this.#tokens -= bytes;
  }

  putOff(): void {
    this.#throttledTotal += 1;
  }

  /** Answers how fast: the less there is, the slower. */
  #refill(): number {
    const { clock, quotaBytes } = this.#parts;
    const nowMs = clock.monotonicMs();
    const leftBytes = quotaBytes * closedShare - this.#bytesInUse;
    const bytesPerSecond = Math.max(bytesPerSecondMin, (leftBytes * 1000) / reachMs);
    const burstBytes = Math.max(burstBytesMin, bytesPerSecond);
    const earned = ((nowMs - this.#refilledMs) * bytesPerSecond) / 1000;
    this.#tokens = Math.min(burstBytes, this.#tokens + earned);
    this.#refilledMs = nowMs;
    return bytesPerSecond;
  }

  get #unknownBytes(): number {
    return this.#putBytes + this.#putBytesBefore;
  }

  get #bytesInUse(): number {
    return this.#dbBytesInUse + this.#unknownBytes;
  }

  get #fileBytes(): number {
    return this.#fileBytesWith(0);
  }

  /** Pages that hold nothing take what is put, but not all of them are where they are wanted. */
  #fileBytesWith(bytes: number): number {
    const emptyBytes = this.#dbBytes - this.#dbBytesInUse;
    return this.#dbBytes + Math.max(0, this.#unknownBytes + bytes - emptyBytes / 2);
  }

  get #fileBytesMax(): number {
    const { quotaBytes } = this.#parts;
    return Math.min(quotaBytes * fileShareMax, quotaBytes - Math.min(requestBytesMax, quotaBytes / 8));
  }

  async #askNow(): Promise<void> {
    if (this.#isAsking || this.#isStopped) return;
    this.#isAsking = true;
    this.#cancel();
    try {
      const putBytes = this.#putBytes;
      const [members, alarms] = await Promise.all([this.#parts.calls.statuses(), this.#parts.calls.alarms()]);
      if (members.length > 0) {
        this.#dbBytes = Math.max(...members.map(({ dbSize }) => Number(dbSize)));
        this.#dbBytesInUse = Math.max(...members.map(({ dbSizeInUse }) => Number(dbSizeInUse)));
        this.#putBytesBefore = putBytes;
        this.#putBytes -= putBytes;
      }
      this.#alarms = alarms;
      this.#decide();
    } catch {
      // Counted with the calls that failed; what is known stays, and is asked for again.
    }
    this.#isAsking = false;
    if (!this.#isStopped) this.#cancel = this.#parts.clock.setTimer(askEveryMs, () => void this.#askNow());
    this.#listener();
  }

  #decide(): void {
    const { quotaBytes } = this.#parts;
    const slackBytes = this.#isClosed ? quotaBytes * slackShare : 0;
    const isClosed =
      this.#bytesInUse >= quotaBytes * closedShare - slackBytes ||
      this.#fileBytes >= this.#fileBytesMax - slackBytes;
    if (isClosed === this.#isClosed) return;
    this.#isClosed = isClosed;
    this.#listener();
  }
}
