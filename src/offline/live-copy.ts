// A copy of a database that a service writes. It is taken within one read transaction, which ends with the copy: whatever is
// made of it afterwards, and however long that takes, keeps nothing in the service's write-ahead log.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import Sqlite from "better-sqlite3";
import { walFrameHeaderBytes, walHeaderBytes } from "../store/sqlite/wal-frames.ts";
import { OfflineError } from "./offline-error.ts";

const pieceBytes = 1_048_576;
/** A service that writes so much while it is copied is left alone. */
const walGrowthBytesMax = 1_073_741_824;
const walReadsMax = 3;

/**
 * What SQLite promises whoever is in a read transaction makes it whole: frames of the log that the transaction may need are
 * neither written over nor cut off, and the file gets no frame that is not among them. So the file as it is read from its
 * beginning to its end, and the log up to where it ended at some moment meanwhile, are together the state of that moment.
 * @returns false when the service went away before it could begin
 * @throws OfflineError where the service writes more than that meanwhile
 */
export async function copyLive(
  source: string,
  into: string,
  options = { walGrowthBytesMax },
): Promise<boolean> {
  const files = openAll([source, `${source}-wal`, `${source}-shm`]);
  if (files === null) return false;
  try {
    await copyWithinTransaction(source, files, { into, ...options });
    return true;
  } finally {
    // After the connection: whoever closes a file drops the locks that its process has on it.
    for (const descriptor of files) closeSync(descriptor);
  }
}

type Descriptors = readonly [database: number, wal: number, index: number];

/** All of them are there for as long as a service is; SQLite would make those that are missing. */
function openAll(paths: readonly [string, string, string]): Descriptors | null {
  const opened: number[] = [];
  try {
    for (const path of paths) opened.push(openSync(path, "r"));
    return opened as unknown as Descriptors;
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function copyWithinTransaction(
  source: string,
  files: Descriptors,
  { into, walGrowthBytesMax: growthMax }: { readonly into: string; readonly walGrowthBytesMax: number },
): Promise<void> {
  const [database, wal, index] = files;
  // One that may only read does not checkpoint when it is closed either, be it the last.
  const connection = new Sqlite(source, { readonly: true, fileMustExist: true });
  try {
    connection.exec("BEGIN");
    connection.prepare("SELECT count(*) FROM sqlite_schema").get();
    const bound = fstatSync(wal).size + growthMax;
    const mayGoOn = () => {
      if (fstatSync(wal).size <= bound) return;
      throw new OfflineError(
        `The service wrote more than ${growthMax} bytes while ${source} was copied, and keeps them for this copy: ` +
          "it was given up. Look at a backup instead, or when the service has less to do.",
      );
    };
    await copyBytes(database, into, { length: Number.POSITIVE_INFINITY, mayGoOn });
    await copyWal(wal, index, { into: `${into}-wal`, mayGoOn });
  } finally {
    connection.close();
  }
}

/**
 * The log up to its end. Where all of it is in the file already, the service may begin it anew while it is read, once: what
 * was read then is of both, and is read again.
 */
async function copyWal(
  wal: number,
  index: number,
  { into, mayGoOn }: { readonly into: string; readonly mayGoOn: () => void },
): Promise<void> {
  for (let read = 0; read < walReadsMax; read += 1) {
    const end = walEnd(index);
    const length = end.frames === 0 ? 0 : walHeaderBytes + end.frames * (walFrameHeaderBytes + end.pageBytes);
    await copyBytes(wal, into, { length, mayGoOn });
    if (walEnd(index).salts.equals(end.salts)) return;
  }
  throw new OfflineError("The write-ahead log begins anew again and again; is another program at the file?");
}

interface WalEnd {
  /** Whole ones, the last of them a commit. */
  readonly frames: number;
  readonly pageBytes: number;
  /** They change whenever the log begins anew. */
  readonly salts: Buffer;
}

/** The head of SQLite's index of its log: twice the same, unless it is being written. In the machine's own byte order. */
const headBytes = 48;
const headReadsMax = 1_000;

function walEnd(index: number): WalEnd {
  const heads = Buffer.alloc(2 * headBytes);
  for (let read = 0; read < headReadsMax; read += 1) {
    readSync(index, heads, 0, heads.byteLength, 0);
    const head = heads.subarray(0, headBytes);
    if (!head.equals(heads.subarray(headBytes))) continue;
    const view = new DataView(head.buffer, head.byteOffset, headBytes);
    const pageBytes = view.getUint16(14, isLittleEndian);
    return {
      frames: view.getUint32(16, isLittleEndian),
      // The largest has no room in its field.
      pageBytes: pageBytes === 1 ? 65_536 : pageBytes,
      salts: Buffer.from(head.subarray(32, 40)),
    };
  }
  throw new OfflineError("The index of the write-ahead log cannot be read; try again.");
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

async function copyBytes(
  from: number,
  into: string,
  { length, mayGoOn }: { readonly length: number; readonly mayGoOn: () => void },
): Promise<void> {
  const target = await open(into, "w", 0o600);
  try {
    await copyPieces(from, target, length, mayGoOn);
  } finally {
    await target.close();
  }
}

async function copyPieces(
  from: number,
  target: FileHandle,
  length: number,
  mayGoOn: () => void,
): Promise<void> {
  const piece = Buffer.alloc(pieceBytes);
  for (let position = 0; position < length; ) {
    mayGoOn();
    const wanted = Math.min(pieceBytes, length - position);
    const count = readSync(from, piece, 0, wanted, position);
    if (count === 0) break;
    for (let written = 0; written < count; )
      written += (await target.write(piece, written, count - written, position + written)).bytesWritten;
    position += count;
  }
}
