// Decides a transaction of several operations: all or nothing, each seeing what those before it did (M2). A malformed
// operation fails it as a failing one would (M3, M5).

import type { Ask } from "./access/ask.ts";
import type { Multi } from "./command.ts";
import { failedAt, validateOperationCount } from "./command-syntax.ts";
import type { Draft } from "./draft.ts";
import type { Limits } from "./limits.ts";
import { rowOfOperation } from "./operations.ts";
import type { OperationResult } from "./txn.ts";

export function validateMulti({ operations, sessionId }: Multi, limits: Limits): void {
  validateOperationCount(operations.length, limits);
  for (const [index, operation] of operations.entries()) {
    try {
      rowOfOperation(operation).validate(operation, limits, sessionId);
    } catch (error) {
      throw failedAt(index, operations.length, error);
    }
  }
}

/** @throws KeeperError `forbidden` when one of them is */
export function authoriseMulti(ask: Ask, { operations }: Multi): void {
  for (const [index, operation] of operations.entries()) {
    try {
      rowOfOperation(operation).authorise(ask, operation);
    } catch (error) {
      throw failedAt(index, operations.length, error);
    }
  }
}

export function planMulti(draft: Draft, multi: Multi): { results: OperationResult[] } {
  const results = multi.operations.map((operation, index) => {
    try {
      return rowOfOperation(operation).decide(draft, operation, multi.sessionId);
    } catch (error) {
      throw failedAt(index, multi.operations.length, error);
    }
  });
  return { results };
}
