// How the command line ends, for scripts: each reason has one code, and this is the only table of them. It prints
// nothing.

import { constants } from "node:os";
import { ConnectionError, type ProblemCode, RequestError, SessionLostError } from "../client/index.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** As `diff` of files does where it cannot compare them. */
  trouble: 2,
  notFound: 3,
  conflict: 4,
  unreachable: 69,
  internal: 70,
  timedOut: 75,
  lost: 76,
  notPermitted: 77,
} as const;

/** In the order of the table, for --help. */
export const exitCodeMeanings: readonly (readonly [string, string])[] = [
  ["0", "done"],
  ["1", "refused, or failed; of check: damaged; of diff: not the same; of serve: it could not start"],
  ["2", "used wrongly: an unknown option, a path that is none; of check and diff: it cannot be told"],
  ["3", "not there: the znode, the session, the instance, the token, the backup"],
  ["4", "in conflict: another version, there already, held by another, a stale fence"],
  ["69", "the service cannot be reached; of migrate: etcd"],
  ["70", "a fault of this program"],
  ["74", "of serve: the disk failed; start it again, which reads what is there"],
  ["75", "the lock was not to be had in time"],
  ["76", "what was held is lost, or in doubt: the command was ended"],
  ["77", "not permitted: no access token that is valid, or one without the right"],
  ["78", "of serve: a later version wrote the data; start that one"],
  ["128+N", "ended by signal N"],
  ["other", "of lock, elect and register: the command's own"],
];

const codesOfProblems: Partial<Record<ProblemCode, number>> = {
  bad_request: exitCodes.usage,
  bad_path: exitCodes.usage,
  bad_mode: exitCodes.usage,
  bad_ttl: exitCodes.usage,
  bad_acl: exitCodes.usage,
  session_required: exitCodes.usage,
  unauthenticated: exitCodes.notPermitted,
  forbidden: exitCodes.notPermitted,
  no_node: exitCodes.notFound,
  no_claim: exitCodes.notFound,
  no_instance: exitCodes.notFound,
  no_route: exitCodes.notFound,
  no_token: exitCodes.notFound,
  no_policy: exitCodes.notFound,
  session_expired: exitCodes.notFound,
  bad_version: exitCodes.conflict,
  node_exists: exitCodes.conflict,
  token_exists: exitCodes.conflict,
  policy_in_use: exitCodes.conflict,
  not_empty: exitCodes.conflict,
  ephemeral_parent: exitCodes.conflict,
  quota_nested: exitCodes.conflict,
  not_a_counter: exitCodes.conflict,
  mode_differs: exitCodes.conflict,
  permits_differ: exitCodes.conflict,
  count_differs: exitCodes.conflict,
  fence_stale: exitCodes.conflict,
  lock_held: exitCodes.conflict,
  not_holder: exitCodes.conflict,
  unexpected_answer: exitCodes.unreachable,
};

/** Ends the program with a code of its own, and a sentence where there is something to say. */
export class ExitError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message = "") {
    super(message);
    this.name = "ExitError";
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof ConnectionError) return exitCodes.unreachable;
  if (error instanceof SessionLostError) return exitCodes.lost;
  if (error instanceof RequestError) {
    return codesOfProblems[error.code] ?? (error.isTemporary ? exitCodes.unreachable : exitCodes.failed);
  }
  return isSystemError(error) ? exitCodes.failed : exitCodes.internal;
}

/** As shells count: 128 and the signal's number. */
export function exitCodeOfSignal(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}

/** What the system refused, such as a file that is not there. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}
