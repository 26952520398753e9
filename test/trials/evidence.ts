// What those who take part in a trial say of themselves, and how it outlives them: each line is in the system's hands
// before the next step is taken, so that a process that is killed has told all it did. It judges nothing.

import { existsSync, openSync, readFileSync, writeSync } from "node:fs";

/** All processes of a machine read the same clock, and nobody sets it. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

interface Told {
  readonly trial: string;
  /** Who holds, or believed to hold. */
  readonly who: string;
  /** Of the claim it is about. */
  readonly fence: number;
  readonly atMs: number;
}

/** It was told that it holds. */
export interface Held extends Told {
  readonly kind: "held";
  /** The claim's znode. */
  readonly path: string;
  /** The session it believes in; a command knows of none. */
  readonly session?: string;
  /** Of a command under supervision: its process group. */
  readonly group?: number;
}

/** It asked whether it holds, and was told yes. */
interface Believed extends Told {
  readonly kind: "believed";
  /** Until then it would have believed, had it heard nothing more. */
  readonly untilMs: number;
}

/** It believes no longer: it lets go by itself, or asked and was told no. */
interface Ended extends Told {
  readonly kind: "ended";
  readonly why: "let go" | "lost";
}

/** A fenced write goes out; its numbers never come twice. */
interface Asked extends Told {
  readonly kind: "asked";
  readonly number: number;
  /** On purpose after it was told that it holds no longer. */
  readonly isLate: boolean;
}

/** What came of it: the zxid, or the code of the refusal, or `unknown` when no answer came. */
export interface Answered extends Told {
  readonly kind: "answered";
  readonly number: number;
  readonly outcome: number | string;
}

export type Evidence = Held | Believed | Ended | Asked | Answered;

export class EvidenceFile {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  tell(evidence: Evidence): void {
    writeSync(this.#file, `${JSON.stringify(evidence)}\n`);
  }
}

/** What a killed writer may have left unfinished is no evidence. */
export function readEvidence(path: string): Evidence[] {
  // A process that was killed before it began has said nothing.
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Evidence);
}
