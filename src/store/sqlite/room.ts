// Room within the size the file may have: an entry is taken only while there is room for what it will become,
// and a share of the file is kept for the deletions that make room. It measures nothing itself.

export interface Room {
  /** Size the file may have. */
  readonly boundBytes: number;
  /** Pages of it that hold nothing. */
  readonly freeBytes: number;
  /** Bytes of entries that the tables do not reflect yet. */
  readonly unreflectedBytes: number;
}

/** An entry becomes a row and what watchers are told of it, and goes itself when these are written. */
const entryGrowth = 2.5;
const unreflectedGrowth = 1.5;

const reserveShare = 1 / 8;
/** More than the reserve that must be free before the service writes again, lest it come and go. */
const slackShare = 1 / 16;
/** A larger entry is refused alone: want of room for it says little about room for others. */
const ordinaryShare = 1 / 8;
/** History kept where the tree wants its room. */
const historyShare = 1 / 4;

/** Part of what is left that one entry may take: one that was on its way when room ran out is no deletion. */
const entryShareOfReserve = 1 / 4;
/** Deletions this small are always tried. */
const trivialBytes = 4096;

export function hasRoomFor(room: Room, entryBytes: number): boolean {
  return leftBytes(room) >= entryBytes * entryGrowth + room.boundBytes * reserveShare;
}

export function reserveHasRoomFor(room: Room, entryBytes: number): boolean {
  return entryBytes <= Math.max(trivialBytes, leftBytes(room) * entryShareOfReserve);
}

/** Whether the entry that was refused for want of room would be taken now, and others after it. */
export function hasRoomAgain(room: Room, refusedBytes: number): boolean {
  return leftBytes(room) >= refusedBytes * entryGrowth + room.boundBytes * (reserveShare + slackShare);
}

/** Whether the rows of the entries so far, and what watchers are told of them, find room beside these. */
export function hasRoomBeside({ boundBytes, freeBytes, unreflectedBytes }: Room): boolean {
  return freeBytes >= unreflectedBytes * entryGrowth + boundBytes * reserveShare;
}

export function isOrdinary(room: Room, entryBytes: number): boolean {
  return entryBytes * entryGrowth <= room.boundBytes * ordinaryShare;
}

/** Whether it is the file that is full, and not only the disk under it. */
export function isFull(room: Room): boolean {
  return leftBytes(room) < room.boundBytes * reserveShare;
}

export function historyBytesKept(room: Room): number {
  return room.boundBytes * historyShare;
}

/** What is free once the entries so far are in the tables. */
function leftBytes({ freeBytes, unreflectedBytes }: Room): number {
  return freeBytes - unreflectedBytes * unreflectedGrowth;
}
