// What is said of a directory or a log that a later version of the service has written.

/** What was written by a later version is left alone: it was acknowledged, and this version cannot say what it means. */
export class NewerVersionError extends Error {
  constructor(what: string) {
    super(`${what}. Nothing was changed: start that version, or one after it.`);
    this.name = "NewerVersionError";
  }
}
