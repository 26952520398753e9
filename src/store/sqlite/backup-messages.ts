// What the event loop and the thread that copies the database say to each other.

import type { Lsn } from "../commit-log.ts";
import type { BackupMarker } from "./backup-marker.ts";

/** What the thread is started with. */
export interface CopyOrder {
  readonly databaseFile: string;
  /** Where the copy goes: an empty file that is there already. */
  readonly file: string;
  /** Room that stays free on its disk, whatever happens. */
  readonly freeBytesMin: number;
  /** Whether the copy is read back row by row before it counts. */
  readonly isReadBack: boolean;
}

export type ToCopier =
  /** What the copy is marked with. */
  { readonly type: "marker"; readonly marker: BackupMarker } | { readonly type: "stop" };

export type FromCopier =
  /** The moment is fixed: the copy has the log up to this entry. */
  | { readonly type: "begun"; readonly lsn: Lsn }
  | { readonly type: "done"; readonly bytes: number; readonly sha256: string }
  | { readonly type: "failed"; readonly isForRoom: boolean; readonly cause: string };
