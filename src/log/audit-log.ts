// The audit log: who did what, one line of JSON each, in a file of its own. It holds nobody up: lines wait within a bound
// while the disk does not take them, those beyond it are lost, and the next line that is written says how many.

import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { printable } from "../printable.ts";
import { AuditFile, type AuditSync } from "./audit-file.ts";
import { type LogGap, LogSink } from "./log-sink.ts";

export interface AuditSettings {
  readonly auditFile: string;
  readonly auditBytesMax: number;
  readonly auditFilesMax: number;
  readonly auditSync: AuditSync;
}

/** What one line says, besides when. What is undefined is left out. */
export interface AuditFacts {
  readonly event: string;
  readonly [member: string]: unknown;
}

interface AuditParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bytes of lines that wait for the disk: seconds of writes at full speed. */
export const auditWaitingBytesMax = 8 * 1_048_576;
/** What a crash of the process loses at most, and the price of all these lines together is one write. */
const gatherMs = 20;
/** How often the log says that the audit log is in trouble. */
const troubleEveryMs = 60_000;

export class AuditLog {
  readonly #file: AuditFile;
  readonly #sink: LogSink;
  readonly #parts: AuditParts;
  readonly #atExit = () => this.#writeNow();
  #saidTroubleAtMs = Number.NEGATIVE_INFINITY;
  #isTroubleSaid = false;

  private constructor(file: AuditFile, parts: AuditParts) {
    this.#file = file;
    this.#parts = parts;
    this.#sink = new LogSink({
      outlet: file,
      gatherMs,
      slowness: "a slow disk",
      waitingBytesMax: auditWaitingBytesMax,
      onTrouble: (soFar) => this.#sayTrouble(soFar),
      onGap: (gap) => this.#endGap(gap),
    });
    // So that a line that a crash has left half is not taken for part of the next.
    if (!file.isAtLineStart) this.#sink.write("\n");
    process.once("exit", this.#atExit);
  }

  /** @throws Error with a sentence when the file cannot be made or must not be written */
  static async open(settings: AuditSettings, parts: AuditParts): Promise<AuditLog> {
    const { auditFile: path, auditBytesMax: bytesMax, auditFilesMax: filesMax, auditSync: sync } = settings;
    const { clock, logger } = parts;
    const onSyncFailure = (error: Error) =>
      logger.error({ err: error }, "the audit file could not be synced");
    const file = await AuditFile.open({ path, bytesMax, filesMax, sync, clock, onSyncFailure });
    if (file.wasTightened) logger.warn({ paths: [path] }, "other users could open these; now they cannot");
    return new AuditLog(file, parts);
  }

  /** Bytes of the lines that wait to be written. */
  get waitingBytes(): number {
    return this.#sink.waitingBytes;
  }

  /** JSON escapes what could end the line, and what else a terminal could take for more than text is escaped as well. */
  note(facts: AuditFacts): void {
    const at = new Date(this.#parts.clock.wallMs()).toISOString();
    this.#sink.write(`${printable(JSON.stringify({ at, ...facts }))}\n`);
  }

  /** Writes what waits, as far as the disk takes it. */
  async close(): Promise<void> {
    process.off("exit", this.#atExit);
    const isWritten = await this.#sink.drain();
    if (!isWritten) this.#parts.logger.error("the last lines of the audit log could not be written");
    // Whatever it waits for may be for ever.
    if (isWritten) await this.#file.close();
  }

  #writeNow(): void {
    this.#sink.flushSync();
    try {
      this.#file.syncNow();
    } catch {
      // The process ends, and what can be done was done.
    }
  }

  /** Seldom: a disk that is only too slow may come and go many times in a second. */
  #sayTrouble(soFar: LogGap): void {
    const { clock, logger } = this.#parts;
    if (clock.monotonicMs() - this.#saidTroubleAtMs < troubleEveryMs) return;
    this.#saidTroubleAtMs = clock.monotonicMs();
    this.#isTroubleSaid = true;
    logger.error(soFar, "the audit log cannot be written; what does not fit into memory is lost");
  }

  #endGap(gap: LogGap): void {
    if (this.#isTroubleSaid) this.#parts.logger.warn(gap, "the audit log is written again");
    this.#isTroubleSaid = false;
    if (gap.lostLines > 0) this.note({ event: "lines_lost", ...gap });
  }
}
