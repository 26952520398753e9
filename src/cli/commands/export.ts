// `export`: a subtree as lines of JSON, as it stands at one zxid. A file is there when all of it is, and not before.

import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import type { Client } from "../../client/index.ts";
import { workplaceOf } from "../options.ts";
import { Progress } from "../progress.ts";
import { znodeJson } from "../views.ts";

export function exportCommand(): Command {
  return new Command("export")
    .summary("write a subtree as lines of JSON")
    .description("Exports a znode and everything below it as of one zxid: one znode per line, for import.")
    .argument("[path]", "a znode", "/")
    .option("--no-acl", "leave access control lists out")
    .option("-o, --output <file>", "into this file, which appears when it is complete")
    .action(exportTree);
}

interface ExportOptions {
  readonly acl: boolean;
  readonly output?: string;
}

async function exportTree(path: string, options: ExportOptions, command: Command): Promise<void> {
  const { client, output } = workplaceOf(command);
  const { acl } = options;
  if (options.output === undefined) {
    const progress = new Progress("export", output, true);
    for await (const line of linesOf(client, { path, acl }, progress))
      await output.write({ text: () => line, json: JSON.parse(line) });
    return;
  }
  // As much a secret as the data is, and not written through a link that someone laid there.
  const progress = new Progress("export", output);
  const unfinished = `${options.output}.${process.pid}.part`;
  try {
    await pipeline(
      Readable.from(linesOf(client, { path, acl }, progress)),
      createWriteStream(unfinished, { flags: "wx", mode: 0o600 }),
    );
    await rename(unfinished, options.output);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function* linesOf(
  client: Client,
  { path, acl }: { readonly path: string; readonly acl: boolean },
  progress: Progress,
): AsyncGenerator<string, void, undefined> {
  let count = 0;
  try {
    for await (const znode of client.subtree(path, { acl })) {
      yield `${JSON.stringify(znodeJson(znode))}\n`;
      count += 1;
      progress.show(count, "znodes");
    }
  } finally {
    progress.end();
  }
}
