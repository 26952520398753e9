// Errors of the store that say what is wrong in a sentence, for whoever asked; others are faults of this program.

import { KeeperError } from "../core/errors.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";
import { CorruptStoreError } from "../store/sqlite/corrupt-store-error.ts";
import { DamagedWalError } from "../store/sqlite/wal-check.ts";

const sentences = [CorruptStoreError, DamagedWalError, KeeperError, NewerVersionError];

export function isSentence(error: Error): boolean {
  if (sentences.some((kind) => error instanceof kind)) return true;
  return error.constructor === Error && !("syscall" in error);
}
