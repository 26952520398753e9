// Transactions of the one connection that writes the file. Each takes the lock that writing needs as it begins, and none is
// done for a server whose file another one has taken over.

import Sqlite from "better-sqlite3";
import type { Connection } from "./connection.ts";

/** Another process holds the lock that writing needs: nothing was done. */
export class LockedError extends Error {}

interface OwnerSettings {
  readonly file: string;
  /** The name of this incarnation. */
  readonly writer: string;
  readonly lockWaitMsMax: number;
  /** Whether the file is still as it was read; asked before the first write. */
  readonly isAsRead: () => boolean;
}

export class Transactions {
  readonly #connection: Connection;
  readonly #settings: OwnerSettings;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #isOwner = false;

  constructor(connection: Connection, settings: OwnerSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.#setLockWait(settings.lockWaitMsMax);
    this.#statements = prepareStatements(connection);
  }

  /**
   * Always IMMEDIATE: a transaction that starts by reading could find, at its first write, that it must not.
   */
  run(work: () => void): void {
    this.#begin();
    try {
      this.#assertOwner();
      work();
      this.#statements.commit.run();
      this.#isOwner = true;
    } catch (error) {
      // SQLite ends a transaction by itself after some errors.
      if (this.#connection.inTransaction) this.#statements.rollback.run();
      throw error;
    }
  }

  /** Whatever the work needs a lock for that another process holds, it fails at once. */
  withoutWaiting(work: () => void): void {
    this.#setLockWait(0);
    try {
      work();
    } finally {
      this.#setLockWait(this.#settings.lockWaitMsMax);
    }
  }

  #begin(): void {
    try {
      this.#statements.begin.run();
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
      throw new LockedError(error.message);
    }
  }

  /**
   * Within each transaction: whoever writes last owns the file, and the one before it writes no more. The lock of the
   * directory keeps a second server out; this is for a lock that was removed under the first.
   */
  #assertOwner(): void {
    const { file, writer, isAsRead } = this.#settings;
    const { owner, putOwner } = this.#statements;
    if (owner.get() === writer) return;
    if (this.#isOwner) {
      throw new Error(`Another server has taken over the database ${file}; this one may write no more.`);
    }
    if (!isAsRead()) throw contested(file);
    putOwner.run(writer);
  }

  #setLockWait(ms: number): void {
    this.#connection.pragma(`busy_timeout = ${ms}`);
  }
}

/** Another server was at work as well. */
export function contested(file: string): Error {
  return new Error(`Another server wrote to the database ${file} while this one read it.`);
}

function prepareStatements(connection: Connection) {
  return {
    begin: connection.prepare("BEGIN IMMEDIATE"),
    commit: connection.prepare("COMMIT"),
    rollback: connection.prepare("ROLLBACK"),
    owner: connection.prepare("SELECT writer FROM owner").pluck(),
    putOwner: connection.prepare("UPDATE owner SET writer = ?"),
  };
}
