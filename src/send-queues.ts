// What the system holds of what was sent and the other side has not acknowledged. A process that writes learns of progress
// only when a third of that queue, which may be megabytes, is free again: a client that is slow and steady would seem to
// take nothing all the while. Linux tells of each queue, other systems do not.

import { createReadStream, fstatSync } from "node:fs";
import type { Socket } from "node:net";

const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/** Bytes of a socket's own queue and its inode, among the columns of a line. */
const line = /^ *\d+: \S+ \S+ \S+ ([0-9A-F]+):\S+ \S+ \S+ +\d+ +\d+ (\d+) /gm;

/** Of a table that has a line for each of tens of thousands of connections: others have their turn between two pieces. */
const pieceBytes = 65_536;

/** By inode of the socket; of no socket where the system does not tell. */
export async function sendQueues(): Promise<ReadonlyMap<number, number>> {
  const queues = new Map<number, number>();
  for (const table of tables) {
    try {
      await addQueuesOf(table, queues);
    } catch {
      // There is no such table, or it is not for us.
    }
  }
  return queues;
}

async function addQueuesOf(table: string, queues: Map<number, number>): Promise<void> {
  let rest = "";
  for await (const piece of createReadStream(table, { encoding: "latin1", highWaterMark: pieceBytes })) {
    const text = rest + piece;
    const end = text.lastIndexOf("\n") + 1;
    rest = text.slice(end);
    for (const [, bytes, inode] of text.slice(0, end).matchAll(line))
      queues.set(Number(inode), Number.parseInt(bytes as string, 16));
  }
}

/** Undefined of one that is closed, and of what is no socket of the system's. */
export function inodeOf(socket: Socket): number | undefined {
  // Node tells of its handle in no other way.
  const { fd = -1 } = (socket as { _handle?: { readonly fd?: number } | null })._handle ?? {};
  if (fd < 0) return undefined;
  try {
    return fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}
