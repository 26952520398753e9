// `import`: brings in what `export` wrote, from a file or standard input, in parts.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Command, Option } from "commander";
import type { ImportOptions } from "../../client/index.ts";
import { workplaceOf } from "../options.ts";
import { aligned } from "../output.ts";
import { Progress } from "../progress.ts";

export function importCommand(): Command {
  return new Command("import")
    .summary("bring in what export wrote")
    .description(
      "Imports an exported tree. Progress made before a failure is kept; run it again with --on-conflict skip to go on.",
    )
    .argument("[file]", "what export wrote; - is standard input", "-")
    .addOption(
      new Option("--on-conflict <what>", "where a znode exists already: stop, leave it, or set its data")
        .choices(["fail", "skip", "replace"])
        .default("fail"),
    )
    .option("--dry-run", "change nothing; say what would be done")
    .action(importTree);
}

async function importTree(file: string, options: ImportOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const progress = new Progress("import", output);
  const source = new Source(file, await bytesIn(file));
  try {
    for await (const { event, ...counts } of client.importLines(source, options)) {
      progress.show(counts.lines, "znodes", source.share);
      if (event !== "done") continue;
      progress.end();
      await output.write({ text: () => aligned(Object.entries(counts)), json: counts });
    }
  } finally {
    progress.end();
  }
}

async function bytesIn(file: string): Promise<number | undefined> {
  return file === "-" ? undefined : (await stat(file)).size;
}

/** The bytes of a file, or of standard input, and how many of them were taken. */
class Source implements AsyncIterable<Uint8Array> {
  readonly #file: string;
  readonly #bytesTotal: number | undefined;
  #bytesTaken = 0;

  constructor(file: string, bytesTotal: number | undefined) {
    this.#file = file;
    this.#bytesTotal = bytesTotal;
  }

  /** Undefined where nobody knows how much there is. */
  get share(): number | undefined {
    return this.#bytesTotal === undefined ? undefined : this.#bytesTaken / Math.max(1, this.#bytesTotal);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = this.#file === "-" ? process.stdin : createReadStream(this.#file);
    for await (const part of stream) {
      this.#bytesTaken += (part as Uint8Array).byteLength;
      yield part as Uint8Array;
    }
  }
}
