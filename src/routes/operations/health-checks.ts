// What is looked at to say whether the service is well: a table of checks. Each second it is noted since when each has said
// what it says; it only looks, and puts nothing right. What a check says has two parts: a sentence that is the same
// for everybody, and figures, which are told to those who may know them.

import type { Clock } from "../../clock.ts";
import type { Store } from "../../store/store.ts";

export interface HealthParts {
  readonly store: Store;
  /** Whether somebody ends sessions, sweeps and ends lock delays: this server, or another that was heard of lately. */
  readonly housekeeper?: { readonly isAttended: boolean };
  /** Of a server that follows another: how far it is behind that one. */
  readonly followed?: { readonly lag: { readonly entries: number; readonly ms: number } } | undefined;
  /** Absent or null where the log is in the data directory. */
  readonly etcd?: { stats(): EtcdSeen } | null;
  readonly isStopping: () => boolean;
  /** Whether all clients are to go elsewhere; not where it is left out. */
  readonly isDraining?: () => boolean;
  readonly limits: HealthLimits;
}

interface EtcdSeen {
  /** How long this server has not been level with the end of the log. */
  readonly lagMs: number;
  readonly alarms: number;
}

export interface HealthLimits {
  /** How long a write may wait for the log before the service is not ready. */
  readonly appendMsMax: number;
}

export interface CheckReport {
  readonly name: string;
  readonly status: "ok" | "failed";
  /** What it means, for people. It tells nothing of what is stored. */
  readonly sentence: string;
  /** Why, with figures; null where there is no more to say. */
  readonly cause: string | null;
  /** Since when it has been so, by the wall clock, to a second. */
  readonly sinceMs: number;
}

interface Fault {
  readonly sentence: string;
  readonly cause?: string;
}

interface Check {
  readonly name: string;
  /** What is said while nothing is wrong. */
  readonly well: string;
  readonly look: (seen: Seen) => Fault | null;
  /** Absent for what every service has. */
  readonly isThere?: (seen: Seen) => boolean;
}

interface Seen extends HealthParts {
  /** How late the last looks were. */
  readonly latenesses: readonly number[];
}

const checks: readonly Check[] = [
  { name: "log", well: "It takes writes.", look: lookAtLog },
  { name: "disk", well: "It answers.", look: lookAtDisk },
  { name: "room", well: "There is room to write.", look: lookAtRoom },
  { name: "replay", well: "All that is in the log is done.", look: lookAtReplay },
  {
    name: "etcd",
    well: "It has raised no alarm, and this server is level with its log.",
    isThere: ({ etcd }) => etcd !== undefined && etcd !== null,
    look: lookAtEtcd,
  },
  {
    name: "housekeeper",
    // A server that follows another hears what that one's housekeeper does.
    isThere: ({ followed }) => followed === undefined,
    well: "Sessions end in time, and what is due is swept.",
    look: ({ housekeeper }) =>
      housekeeper?.isAttended === true
        ? null
        : { sentence: "No server is known to keep house: sessions do not end, and nothing is swept." },
  },
  {
    name: "followed",
    isThere: ({ followed }) => followed !== undefined,
    well: "It has what the server that it follows has.",
    look: lookAtFollowed,
  },
  { name: "event_loop", well: "Requests are served in time.", look: lookAtEventLoop },
  {
    name: "serving",
    well: "It takes requests.",
    look: lookAtServing,
  },
];

/** How long entries of the log may be known and not done. */
const behindMsMax = 2000;
/** How long a server may lack what the one that it follows has. */
const followedLagMsMax = 10_000;
/** The same of entries that are known to be in etcd: between two looks for them a second passes. */
const lagMsMax = 5000;
const lookEveryMs = 1000;
/** One look that is late is a pause; so many in a row are a process that does not keep up. */
const lateLooks = 3;
const latenessMsMax = 1000;

export class Health {
  readonly #parts: HealthParts;
  readonly #clock: Clock;
  readonly #since = new Map<string, Pick<CheckReport, "status" | "sinceMs">>();
  #latenesses: readonly number[] = [];
  #cancel: () => void;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#clock = parts.store.clock;
    this.#cancel = this.#lookLater();
    this.report();
  }

  /** All checks, as they are now. */
  report(): CheckReport[] {
    const seen = { ...this.#parts, latenesses: this.#latenesses };
    const there = checks.filter(({ isThere }) => isThere === undefined || isThere(seen));
    return there.map(({ name, well, look }) => {
      const fault = look(seen);
      const { status, sinceMs } = this.#note(name, fault === null ? "ok" : "failed");
      return { name, status, sentence: fault?.sentence ?? well, cause: fault?.cause ?? null, sinceMs };
    });
  }

  stop(): void {
    this.#cancel();
  }

  #note(name: string, status: CheckReport["status"]) {
    const before = this.#since.get(name);
    if (before?.status === status) return before;
    const now = { status, sinceMs: this.#clock.wallMs() };
    this.#since.set(name, now);
    return now;
  }

  #lookLater(): () => void {
    const dueMs = this.#clock.monotonicMs() + lookEveryMs;
    return this.#clock.setTimer(lookEveryMs, () => {
      this.#latenesses = [...this.#latenesses, this.#clock.monotonicMs() - dueMs].slice(-lateLooks);
      this.#cancel = this.#lookLater();
      this.report();
    });
  }
}

export function isReady(reports: readonly Pick<CheckReport, "status">[]): boolean {
  return reports.every(({ status }) => status === "ok");
}

function lookAtLog({ store: { logState } }: Seen): Fault | null {
  switch (logState.state) {
    case "connected":
      return null;
    case "read_only":
      return { sentence: "It takes no writes; reads, deletes and keepalives go on.", cause: logState.cause };
    case "suspended":
      return { sentence: "It cannot be reached; what is read with stale=ok goes on.", cause: logState.cause };
    case "failed":
      return { sentence: "It has failed; the process ends.", cause: logState.cause };
  }
}

/** A disk that hangs answers neither yes nor no: only the time tells. */
function lookAtDisk({ store: { oldestAppendMs }, limits: { appendMsMax } }: Seen): Fault | null {
  if (oldestAppendMs <= appendMsMax) return null;
  const ms = Math.round(oldestAppendMs);
  const cause = `a write has waited for it for ${ms} ms, longer than appendMsMax (${appendMsMax})`;
  return { sentence: "It does not answer.", cause };
}

/** A log is read-only for want of room and for nothing else. One that is elsewhere goes on when the disk here is full. */
function lookAtRoom({ store: { logState, tablesShortage } }: Seen): Fault | null {
  if (tablesShortage !== null) {
    const sentence =
      "The data directory has too little room: what is new is in the log alone, and a start takes longer.";
    return { sentence, cause: tablesShortage };
  }
  if (logState.state !== "read_only") return null;
  return { sentence: "There is too little; what makes room still goes on.", cause: logState.cause };
}

function lookAtReplay({ store: { behindMs } }: Seen): Fault | null {
  if (behindMs <= behindMsMax) return null;
  const cause = `it has been behind for ${Math.round(behindMs)} ms`;
  return { sentence: "The log has more than is done: what is read may be old.", cause };
}

function lookAtFollowed({ followed }: Seen): Fault | null {
  const { entries, ms } = followed?.lag ?? { entries: 0, ms: 0 };
  if (ms <= followedLagMsMax) return null;
  const cause = `it has not had all of it for ${Math.round(ms)} ms, and lacks ${entries} entries that it knows of`;
  return { sentence: "It is behind the server that it follows: what is read may be old.", cause };
}

function lookAtEtcd({ etcd }: Seen): Fault | null {
  const { lagMs = 0, alarms = 0 } = etcd?.stats() ?? {};
  if (alarms > 0) return { sentence: "A member of etcd has raised an alarm.", cause: `${alarms} are raised` };
  if (lagMs <= lagMsMax) return null;
  const cause = `it has not been level for ${Math.round(lagMs)} ms`;
  return { sentence: "This server is behind the log: what is read may be old.", cause };
}

function lookAtServing({ isStopping, isDraining }: Seen): Fault | null {
  if (isStopping()) return { sentence: "It is shutting down." };
  return isDraining?.() ? { sentence: "It is draining: what still comes is served." } : null;
}

function lookAtEventLoop({ latenesses }: Seen): Fault | null {
  if (latenesses.length < lateLooks || latenesses.some((ms) => ms <= latenessMsMax)) return null;
  const cause = `looks that were due each second were late by ${latenesses.map(Math.round).join(", ")} ms`;
  return { sentence: "The process does not keep up.", cause };
}
