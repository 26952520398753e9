// Why a directory or a file cannot be looked at, as a sentence for who asked. Anything else that is thrown is a fault of
// the tool.

export class OfflineError extends Error {
  /** What was asked for is not in the store, which can be read. */
  readonly isMissing: boolean;

  constructor(message: string, { cause, isMissing = false }: ErrorOptions & { isMissing?: boolean } = {}) {
    super(message, { cause });
    this.name = "OfflineError";
    this.isMissing = isMissing;
  }
}

/** What the system refused, in words; any other error stays what it is. */
export function asOfflineError(error: unknown, path: string): unknown {
  const { code, syscall, path: at = path, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith("SQLITE_")) {
    return new OfflineError(`${path} cannot be read while a service uses it: ${message}.`, { cause: error });
  }
  if (code === undefined || syscall === undefined) return error;
  const own = process.geteuid?.();
  if (code === "EACCES" || code === "EPERM") {
    return new OfflineError(
      `${at} cannot be read by this user${own === undefined ? "" : ` (${own})`}. Run this as the user of the service, or as root.`,
      { cause: error },
    );
  }
  if (code === "ENOENT") return new OfflineError(`${at} is not there.`, { cause: error });
  return new OfflineError(`${at} cannot be read: ${message}.`, { cause: error });
}
