// An import under way: lines become parts, each a command of its own, one after the other. What was done stays done
// when a later part is refused, and the refusal names the line.

import { createHash, type Hash } from "node:crypto";
import type { ConflictRule, ImportedZnode, ImportZnodes } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";
import type { ImportCounts } from "../../core/import-counts.ts";
import type { Commit } from "../../core/txn.ts";
import type { WriteContext } from "../../core/write-context.ts";
import type { Store } from "../../store/store.ts";
import { submitWithPatience } from "../http/patience.ts";
import type { Pace } from "../http/rates.ts";
import { BodyRefused } from "../http/refused-body.ts";
import { isBlank } from "../wire/body-lines.ts";
import { type Kept, znodeOfLine } from "../wire/import-lines.ts";

export interface ImportAsked {
  readonly onConflict: ConflictRule;
  /** Nothing is changed: the answer is what would be. */
  readonly dryRun: boolean;
  readonly kept: Kept;
  /** What each part carries; the index tells their idempotency keys apart. */
  readonly contextOf: (index: number) => WriteContext;
  /** Waited for before each part but the first, with the znodes of the one before it. */
  readonly pace: Pace;
}

/** How far an import is; the last one is its answer. */
export interface ImportProgress extends ImportCounts {
  /** Lines read so far, blank ones included. */
  readonly lines: number;
  /** Lines left out because their znodes belong to a session of the tree they come from. */
  readonly ephemerals: number;
  readonly zxid: number;
}

/** Znodes and bytes of data after which a part is submitted. */
const partZnodesMax = 500;
const partBytesMax = 512 * 1024;

interface Part {
  readonly znodes: ImportedZnode[];
  /** Of its lines: with an idempotency key, the same part has the same. */
  readonly digest: Hash;
  /** Of each znode, for the refusal that names it. */
  readonly lineNumbers: number[];
  bytes: number;
}

export class ImportRun {
  readonly #store: Store;
  readonly #asked: ImportAsked;
  #part: Part = emptyPart();
  #root: string | undefined;
  #partCount = 0;
  /** Of the last part that was done. */
  #partZnodes = 0;
  #replayedCount = 0;
  #progress: ImportProgress;

  constructor(store: Store, asked: ImportAsked) {
    this.#store = store;
    this.#asked = asked;
    this.#progress = {
      lines: 0,
      created: 0,
      replaced: 0,
      unchanged: 0,
      skipped: 0,
      ephemerals: 0,
      zxid: store.zxid,
    };
  }

  get progress(): ImportProgress {
    return this.#progress;
  }

  /** The first path, above all others unless something else than an export is brought in. */
  get root(): string | undefined {
    return this.#root;
  }

  /** Whether all that was done so far had been done before, under the same key. */
  get isReplayed(): boolean {
    return this.#partCount > 0 && this.#replayedCount === this.#partCount;
  }

  /**
   * Does it all, and says after each part how far it is.
   * @throws KeeperError with the `line` that is at fault, and what was `imported` before it
   */
  async *of(lines: AsyncIterable<string>): AsyncGenerator<ImportProgress> {
    for await (const text of this.#numbered(lines)) {
      this.#read(text);
      if (this.#part.znodes.length < partZnodesMax && this.#part.bytes < partBytesMax) continue;
      await this.#submitPart();
      yield this.#progress;
    }
    await this.#submitPart();
    yield this.#progress;
  }

  /** What is wrong with the lines as such is the fault of the one that was to come. */
  async *#numbered(lines: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* lines;
    } catch (error) {
      throw this.#refusalAt(this.#progress.lines + 1, error);
    }
  }

  #read(text: string): void {
    const { lines, ephemerals } = this.#progress;
    const line = lines + 1;
    this.#progress = { ...this.#progress, lines: line };
    if (isBlank(text)) return;
    try {
      const znode = znodeOfLine(text, this.#asked.kept);
      if (znode === null) this.#progress = { ...this.#progress, ephemerals: ephemerals + 1 };
      else this.#add(znode, line, text);
    } catch (error) {
      throw this.#refusalAt(line, error);
    }
  }

  #add(znode: ImportedZnode, line: number, text: string): void {
    this.#part.digest.update(text);
    this.#root ??= znode.path;
    this.#part.znodes.push(znode);
    this.#part.lineNumbers.push(line);
    this.#part.bytes += znode.data.byteLength + znode.path.length;
  }

  async #submitPart(): Promise<void> {
    const { znodes, lineNumbers, digest } = this.#part;
    this.#part = emptyPart();
    if (znodes.length === 0) return;
    const { onConflict, contextOf, pace } = this.#asked;
    if (this.#partCount > 0) await pace(this.#partZnodes);
    this.#partZnodes = znodes.length;
    const context = withDigest(contextOf(this.#partCount), digest);
    this.#partCount += 1;
    try {
      const { zxid, outcome, replayed } = await this.#do({ type: "import", znodes, onConflict, ...context });
      if (replayed === true) this.#replayedCount += 1;
      this.#progress = addedTo(this.#progress, outcome, zxid);
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      const index = error.details.failedOperation;
      throw index === undefined ? error : this.#refusalAt(lineNumbers[index] as number, error);
    }
  }

  async #do(command: ImportZnodes): Promise<Commit<"import">> {
    if (this.#asked.dryRun) return this.#store.rehearse(command);
    return await submitWithPatience(this.#store, command);
  }

  #refusalAt(line: number, error: unknown): unknown {
    if (!(error instanceof KeeperError)) return error;
    const { failedOperation: _, ...details } = error.details;
    const { created, replaced, unchanged, skipped } = this.#progress;
    const imported = { created, replaced, unchanged, skipped };
    const statusCode = error instanceof BodyRefused ? error.statusCode : undefined;
    return new BodyRefused(
      error.code,
      `Line ${line}: ${error.message}`,
      { ...details, line, imported },
      statusCode,
    );
  }
}

function emptyPart(): Part {
  return { znodes: [], digest: createHash("sha256"), lineNumbers: [], bytes: 0 };
}

/** A part is the same request as an earlier one only with the same lines in it. */
function withDigest(context: WriteContext, digest: Hash): WriteContext {
  const { idempotency } = context;
  if (idempotency === undefined) return context;
  const requestOf = (asked: string) => digest.copy().update(asked).digest("hex");
  const { request, unscoped } = idempotency;
  return {
    ...context,
    idempotency: {
      ...idempotency,
      request: requestOf(request),
      ...(unscoped !== undefined && { unscoped: { ...unscoped, request: requestOf(unscoped.request) } }),
    },
  };
}

function addedTo(progress: ImportProgress, counts: ImportCounts, zxid: number): ImportProgress {
  return {
    ...progress,
    created: progress.created + counts.created,
    replaced: progress.replaced + counts.replaced,
    unchanged: progress.unchanged + counts.unchanged,
    skipped: progress.skipped + counts.skipped,
    zxid,
  };
}
