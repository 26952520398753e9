// Makes the directory of a follower one of its own, for when the server that it followed is not coming back. What that one had
// acknowledged and this one had not heard is lost, and it may still run somewhere: so the next start does what it does after a
// restore. The store gets another name as well, so that nobody who follows the old one takes it for that.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { machineVersion } from "../core/machine-version.ts";
import { mayHaveRebooted } from "../store/sqlite/boot.ts";
import { renameCluster } from "../store/sqlite/meta.ts";
import { fileNames } from "../store/sqlite/privacy.ts";
import { putBack } from "../store/sqlite/replaced-tables.ts";
import { upgradeSchemaIfOlder } from "../store/sqlite/schema.ts";
import { keepBeforeUpgrade } from "../store/sqlite/upgrade-copy.ts";
import { refuseDamagedWal } from "../store/sqlite/wal-check.ts";
import { forgetSeen } from "../store/sqlite/witness.ts";
import { followedBy, inDirectory, inWords, RestoreError, type RestoreOptions } from "./restore.ts";
import { prepare, type RestoreReport, rehearse } from "./restored-file.ts";

/** @throws RestoreError with everything as it was; Error as the system says it */
export function promote({ dataDir, sequencesAhead }: RestoreOptions): RestoreReport {
  return inWords(() => {
    const files = [fileNames.database, fileNames.replaced];
    if (!files.some((name) => existsSync(join(dataDir, name))))
      throw new RestoreError(`There is no database in ${dataDir}: no server has followed another there.`);
    return inDirectory(dataDir, (directory) => {
      const { path, databaseFile, bootFile, witnessFile } = directory;
      // A follower that began anew was broken off between two steps: what it had is all there is.
      putBack(directory);
      refuseDamagedWal(`${databaseFile}-wal`, { powerMayHaveFailed: mayHaveRebooted(bootFile) });
      if (followedBy(databaseFile) === null)
        throw new RestoreError(
          `The data directory ${path} follows nobody: it is a store of its own already.`,
        );
      keepBeforeUpgrade(databaseFile, { isServed: false });
      // Once it is one of its own nobody follows from it again: what would not start stays a follower's.
      rehearse(databaseFile, { sequencesAhead });
      const report = prepare(databaseFile, {
        directory,
        sequencesAhead,
        alsoDo(connection) {
          upgradeSchemaIfOlder(connection, machineVersion);
          renameCluster(connection, randomUUID());
        },
      });
      forgetSeen(witnessFile);
      return { ...report, movedTo: null };
    });
  });
}
