// What a call to etcd that failed means to whoever made it.

import { Code, ConnectError } from "@connectrpc/connect";

/** Whether a call failed at etcd, or on the way to it. */
export function isOfTheWay(error: unknown): boolean {
  return error instanceof ConnectError;
}

/** Whether history is gone that far already. */
export function isCompacted(error: unknown): boolean {
  return ConnectError.from(error).code === Code.OutOfRange;
}

/** Whether etcd has answered, and will not have us: asking again changes nothing. */
export function isRefused(error: unknown): boolean {
  return error instanceof ConnectError && refusals.has(error.code);
}

/** A wrong name or password is an argument that is invalid. */
const refusals = new Set([
  ...[Code.InvalidArgument, Code.FailedPrecondition],
  ...[Code.PermissionDenied, Code.Unauthenticated],
]);

/** Whether there is no room for a write; it may have been done all the same. Not whether there is too much to do at once. */
export function isOutOfSpace(error: unknown): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  return code === Code.ResourceExhausted && rawMessage.includes(noSpace);
}

const noSpace = "database space exceeded";

/** Of one that was paused, in the place of what it said. */
export function answeredFromBefore(): Error {
  return new ConnectError("it answers from before", Code.Unavailable);
}
