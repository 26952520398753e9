// Which faults are a matter of time, for commands that go on until they are told to end.

import { ConnectionError, RequestError, SessionLostError } from "../client/index.ts";

/** The service is away, or has too much to do, or a session was lost: the same may go well later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof RequestError) return error.isTemporary;
  return error instanceof ConnectionError || error instanceof SessionLostError;
}
