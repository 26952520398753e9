// What can be said of a command without looking at the tree: it is checked before the command is ordered, so that
// nothing malformed reaches the log, and path syntax comes before every other refusal (API section 8).

import { validateAcl } from "./acl/acl-syntax.ts";
import type { Check, Create, ImportedZnode, SetData } from "./command.ts";
import { KeeperError, type OperationFate } from "./errors.ts";
import { fencesMax, type Limits, ttlMsMax } from "./limits.ts";
import { isTraceparent } from "./traceparent.ts";
import { validatePath, validateSequentialPrefix } from "./tree/path.ts";
import { importedNumberMax } from "./tree/sequence.ts";
import type { CreateMode } from "./tree/znode.ts";
import type { Fence } from "./write-context.ts";

/** However they are done, one request has so many operations and no more (M12). */
export function validateOperationCount(count: number, { operationsMax }: Limits): void {
  if (count <= operationsMax) return;
  throw new KeeperError(
    "too_many_operations",
    `One request has at most ${operationsMax} operations; this one has ${count}.`,
    { limit: "operationsMax", limitValue: operationsMax, size: count },
  );
}

/** The refusal of one operation as the refusal of its transaction, with the fate of each operation (M3, M4). */
export function failedAt(index: number, operationCount: number, error: unknown): unknown {
  if (!(error instanceof KeeperError)) return error;
  const results: OperationFate[] = [];
  for (let other = 0; other < operationCount; other += 1) {
    if (other < index) results.push({ code: "rolled_back" });
    else if (other === index) results.push({ code: error.code, detail: error.message });
    else results.push({ code: "not_evaluated" });
  }
  return new KeeperError(error.code, `Operation ${index} failed, so none was done: ${error.message}`, {
    ...error.details,
    failedOperation: index,
    results,
  });
}

export function validateCreate(create: Create, limits: Limits, sessionId: string | undefined): void {
  const { path, data, mode, acl } = create;
  validatePathLength(path, limits);
  if (mode.kind !== "container" && mode.sequential) validateSequentialPrefix(path);
  else validatePath(path);
  validateMode(mode, sessionId);
  validateSize(data, limits);
  if (acl !== undefined) validateAcl(acl);
}

export function validateSetData(set: SetData, limits: Limits): void {
  validatePathOf(set, limits);
  validateSize(set.data, limits);
}

/** What is to be absent has neither a version nor an incarnation: who states both has made a slip. */
export function validateCheck(check: Check, limits: Limits): void {
  const { path, exists, version, czxid } = check;
  validatePathOf(check, limits);
  if (exists !== false || (version === undefined && czxid === undefined)) return;
  throw new KeeperError(
    "bad_request",
    `A check that ${path} does not exist has no version or czxid to expect; leave out one or the other.`,
    { path },
  );
}

/** All there is to hold against many a command. */
export function validatePathOf({ path }: { readonly path: string }, limits: Limits): void {
  validatePathLength(path, limits);
  validatePath(path);
}

export function validateImported(imported: ImportedZnode, index: number, limits: Limits): void {
  const { data, mode, sequence, nextSequence, acl } = imported;
  try {
    validatePathOf(imported, limits);
    validateMode(mode, undefined);
    validateSize(data, limits);
    validateImportedNumber(sequence ?? 0);
    validateImportedNumber(nextSequence);
    if (acl !== undefined) validateAcl(acl);
  } catch (error) {
    throw failedAtIndex(index, error);
  }
}

/** It is counted on from there, and must not come to an end. */
function validateImportedNumber(number: number): void {
  if (Number.isSafeInteger(number) && number >= 0 && number <= importedNumberMax) return;
  throw new KeeperError(
    "bad_request",
    `A number that goes on being counted is an integer from 0 to ${importedNumberMax}, not ${number}.`,
    { limit: "importedNumberMax", limitValue: importedNumberMax, size: number },
  );
}

/** The refusal of one of many, saying which. */
export function failedAtIndex(index: number, error: unknown): unknown {
  if (!(error instanceof KeeperError)) return error;
  return new KeeperError(error.code, error.message, { ...error.details, failedOperation: index });
}

export function validatePathLength(path: string, limits: Pick<Limits, "pathLengthMax">): void {
  if (path.length <= limits.pathLengthMax) return;
  throw new KeeperError(
    "bad_path",
    `A path has at most ${limits.pathLengthMax} characters; this one has ${path.length}.`,
    { limit: "pathLengthMax", limitValue: limits.pathLengthMax, size: path.length },
  );
}

function validateMode(mode: CreateMode, sessionId: string | undefined): void {
  if (mode.kind === "persistent" && mode.ttlMs !== undefined) validateTtl(mode.ttlMs);
  if (mode.kind === "ephemeral" && sessionId === undefined) {
    throw new KeeperError(
      "session_required",
      "An ephemeral znode belongs to a session: open one with POST /v1/sessions and send its Session-Token.",
    );
  }
}

export function validateTtl(ttlMs: number): void {
  if (Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= ttlMsMax) return;
  throw new KeeperError("bad_ttl", `ttlMs is an integer from 1 to ${ttlMsMax}, not ${ttlMs}.`);
}

function validateSize(data: Uint8Array, limits: Limits): void {
  if (data.byteLength > limits.dataBytesMax) throw dataTooLarge(limits, data.byteLength);
}

function dataTooLarge(limits: Limits, size: number): KeeperError {
  return new KeeperError(
    "too_large",
    `A znode holds at most ${limits.dataBytesMax} bytes; this value has ${size}.`,
    { limit: "dataBytesMax", limitValue: limits.dataBytesMax, size },
  );
}

/** Whoever asks over HTTP has sent none, where it is none. */
export function validateTraceparent(traceparent: string | undefined): void {
  if (traceparent === undefined || isTraceparent(traceparent)) return;
  throw new KeeperError("bad_request", "A traceparent has the W3C's form of version 00.");
}

export function validateFences(fences: readonly Fence[] | undefined, limits: Limits): void {
  const count = fences?.length ?? 0;
  if (count > fencesMax) {
    throw new KeeperError("bad_request", `A write has at most ${fencesMax} fences, not ${count}.`, {
      limit: "fencesMax",
      limitValue: fencesMax,
      size: count,
    });
  }
  for (const fence of fences ?? []) validatePathOf(fence, limits);
}
