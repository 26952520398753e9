// What all clients of a nemesis write down as it happens.

import type { Answer, Increment, Outage, Read, SessionRecord, StreamRecord, Write } from "./record.ts";

export class Journal {
  readonly answers: Answer[] = [];
  readonly writes: Write[] = [];
  readonly increments: Increment[] = [];
  readonly reads: Read[] = [];
  readonly sessions: SessionRecord[] = [];
  readonly streams: StreamRecord[] = [];
  readonly outages: Outage[] = [];
  readonly seen: string[] = [];

  noteAnswer(answer: Answer): void {
    // Where the answer came from no server's state it says none.
    if (answer.zxid > 0) this.answers.push(answer);
  }

  /** What is wrong whatever else happened. */
  see(fault: string): void {
    this.seen.push(fault);
  }
}
