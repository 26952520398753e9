// What is said of an entry that could not be done: which it is, which of its commands, and what to do.

import type { Command } from "../core/command.ts";
import type { Lsn } from "./commit-log.ts";

/** A bug met while an entry was done: no refusal, and nobody's fault who asked. */
export class BrokenEntryError extends Error {
  constructor(lsn: Lsn, cause: unknown) {
    super(`entry ${lsn} of the log could not be done: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.name = "BrokenEntryError";
  }
}

export class BrokenCommandError extends Error {
  constructor(command: Command, index: number, cause: unknown) {
    super(`its command ${index + 1}, ${nameOf(command)}, met ${cause}`, { cause });
    this.name = "BrokenCommandError";
  }
}

/** For whoever looks for the cause; a path may be long. */
function nameOf(command: Command): string {
  const { type, path, name, sessionId } = command as {
    type: string;
    path?: string;
    name?: string;
    sessionId?: string;
  };
  const subject = path ?? name ?? sessionId;
  return subject === undefined ? type : `${type} ${subject.slice(0, 200)}`;
}

/** At a start: the next one would meet it as well. */
export function unreplayable(broken: BrokenEntryError): Error {
  return new Error(
    `${broken.message}. Each start meets this entry again, and nothing that was acknowledged is lost: keep a copy of ` +
      "the data directory, report this with it, and start a version that can do the entry; or restore a backup (docs/backup.md).",
    { cause: broken },
  );
}
