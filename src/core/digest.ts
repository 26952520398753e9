// A digest of the state that can be kept up to date change by change: the sum of the hashes of its parts, so order
// does not matter and a replaced part costs one subtraction and one addition. It finds rows that were lost, damaged
// or made otherwise than the log says; it is no defence against forgery.

import { type AccessRecord, accessKey, accessText } from "./access/access.ts";
import { type KeptAcl, openAcl, textOfAcl } from "./acl/acl.ts";
import type { Epoch } from "./epochs.ts";
import type { Housekeeper } from "./housekeeper.ts";
import { type Quota, quotaLimitNames } from "./quotas/quota.ts";
import type { Reply } from "./replies/reply.ts";
import { neverRestored, type Restored } from "./restored.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import type { Znode } from "./tree/znode.ts";

export class Digest {
  #high = 0;
  #low = 0;

  static of(state: State): Digest {
    const digest = new Digest();
    for (const znode of state.tree.values()) digest.addZnode(znode);
    for (const session of state.sessions()) digest.addSession(session);
    for (const reply of state.replies) digest.addReply(reply);
    for (const quota of state.quotas.from("")) digest.addQuota(quota);
    digest.addHousekeeper(state.housekeeper);
    digest.addRestored(state.restored);
    for (const epoch of state.epochs) digest.addEpoch(epoch);
    for (const record of state.access.records()) digest.addAccess(record);
    for (const acl of state.acls.values()) digest.addAcl(acl);
    return digest;
  }

  addZnode(znode: Znode): void {
    this.#add(hashZnode(znode));
  }

  removeZnode(znode: Znode): void {
    this.#subtract(hashZnode(znode));
  }

  addSession(session: Session): void {
    this.#add(hashSession(session));
  }

  removeSession(session: Session): void {
    this.#subtract(hashSession(session));
  }

  addReply(reply: Reply): void {
    this.#add(hashReply(reply));
  }

  removeReply(reply: Reply): void {
    this.#subtract(hashReply(reply));
  }

  addQuota(quota: Quota): void {
    this.#add(hashQuota(quota));
  }

  removeQuota(quota: Quota): void {
    this.#subtract(hashQuota(quota));
  }

  addHousekeeper(housekeeper: Housekeeper): void {
    if (housekeeper.term > 0) this.#add(hashHousekeeper(housekeeper));
  }

  removeHousekeeper(housekeeper: Housekeeper): void {
    if (housekeeper.term > 0) this.#subtract(hashHousekeeper(housekeeper));
  }

  addRestored(restored: Restored): void {
    if (restored.id !== neverRestored.id) this.#add(hashRestored(restored));
  }

  removeRestored(restored: Restored): void {
    if (restored.id !== neverRestored.id) this.#subtract(hashRestored(restored));
  }

  addEpoch(epoch: Epoch): void {
    this.#add(hashEpoch(epoch));
  }

  removeEpoch(epoch: Epoch): void {
    this.#subtract(hashEpoch(epoch));
  }

  addAccess(record: AccessRecord): void {
    this.#add(hashAccess(record));
  }

  removeAccess(record: AccessRecord): void {
    this.#subtract(hashAccess(record));
  }

  addAcl(acl: KeptAcl): void {
    this.#add(hashAcl(acl));
  }

  removeAcl(acl: KeptAcl): void {
    this.#subtract(hashAcl(acl));
  }

  /** 16 hex digits. */
  toString(): string {
    return hex(this.#high) + hex(this.#low);
  }

  #add({ high, low }: Hash): void {
    this.#high = (this.#high + high) >>> 0;
    this.#low = (this.#low + low) >>> 0;
  }

  #subtract({ high, low }: Hash): void {
    this.#high = (this.#high - high) >>> 0;
    this.#low = (this.#low - low) >>> 0;
  }
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

interface Hash {
  readonly high: number;
  readonly low: number;
}

function hashZnode(znode: Znode): Hash {
  const hasher = new Hasher();
  hasher.text(znode.path);
  hasher.bytes(znode.data);
  for (const field of numericFields) hasher.integer(znode[field] ?? -1);
  hasher.text(znode.ephemeralOwner ?? "");
  hasher.integer(znode.container ? 1 : 0);
  hasher.beginning(znode.writtenRanMs ?? 0);
  // Tables of versions that had none keep their digest.
  if (znode.attempts !== null) hasher.text(znode.attempts.join(" "));
  if (znode.acl !== openAcl) hasher.integer(znode.acl.id);
  return hasher.hash();
}

const numericFields = [
  "id",
  "czxid",
  "mzxid",
  "pzxid",
  "ctimeMs",
  "mtimeMs",
  "version",
  "cversion",
  "aversion",
  "nextSequence",
  "numChildren",
  "sequence",
  "ttlMs",
] as const satisfies readonly (keyof Znode)[];

function hashSession(session: Session): Hash {
  const hasher = new Hasher();
  for (const text of [session.id, session.tokenHash, session.name]) hasher.text(text);
  for (const integer of [session.timeoutMs, session.openedZxid, session.openedAtMs]) hasher.integer(integer);
  if (session.touchedAt !== undefined) hasher.integer(session.touchedAt);
  if (session.owner !== undefined) hasher.text(session.owner);
  return hasher.hash();
}

function hashHousekeeper({ server, term, touchedAt }: Housekeeper): Hash {
  const hasher = new Hasher();
  hasher.text(server);
  for (const integer of [term, touchedAt]) hasher.integer(integer);
  return hasher.hash();
}

function hashRestored({ id, zxid, sequenceFloor }: Restored): Hash {
  const hasher = new Hasher();
  hasher.text(id);
  for (const integer of [zxid, sequenceFloor]) hasher.integer(integer);
  return hasher.hash();
}

function hashReply(reply: Reply): Hash {
  const hasher = new Hasher();
  for (const text of [reply.key, reply.request, reply.outcome]) hasher.text(text);
  for (const integer of [reply.zxid, reply.timeMs]) hasher.integer(integer);
  hasher.beginning(reply.ranMs);
  if (reply.scope !== "") hasher.text(reply.scope);
  return hasher.hash();
}

/** The limits alone: the usage follows from the znodes, and is not in any table. */
function hashQuota({ path, limits }: Quota): Hash {
  const hasher = new Hasher();
  hasher.text(path);
  for (const name of quotaLimitNames) hasher.integer(limits[name] ?? -1);
  return hasher.hash();
}

function hashEpoch({ id, firstZxid }: Epoch): Hash {
  const hasher = new Hasher();
  hasher.text(id);
  hasher.integer(firstZxid);
  return hasher.hash();
}

function hashAccess(record: AccessRecord): Hash {
  const hasher = new Hasher();
  hasher.text(accessKey(record));
  hasher.text(accessText(record));
  return hasher.hash();
}

function hashAcl({ id, entries }: KeptAcl): Hash {
  const hasher = new Hasher();
  hasher.integer(id);
  hasher.text(textOfAcl(entries));
  return hasher.hash();
}

/** Two 32-bit lanes of multiply-and-rotate over words; the constants are odd numbers with mixed bits. */
class Hasher {
  #high = 0x9e3779b9 | 0;
  #low = 0x85ebca6b | 0;

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x2c1b3c6d);
    this.#high = (this.#high << 13) | (this.#high >>> 19);
    this.#low = Math.imul((this.#low << 15) | (this.#low >>> 17), 0x297a2d39) ^ word;
  }

  /** Any integer within 2^53. */
  integer(value: number): void {
    this.#word(value | 0);
    this.#word(Math.floor(value / 0x1_0000_0000) | 0);
  }

  /** Counts only where time has run: tables of versions that had none keep their digest. */
  beginning(ranMs: number): void {
    if (ranMs > 0) this.integer(ranMs);
  }

  text(text: string): void {
    this.integer(text.length);
    for (let index = 0; index < text.length; index += 1) this.#word(text.charCodeAt(index));
  }

  bytes(bytes: Uint8Array): void {
    this.integer(bytes.byteLength);
    const whole = bytes.byteLength & ~3;
    for (let index = 0; index < whole; index += 4) {
      const first = (bytes[index] as number) | ((bytes[index + 1] as number) << 8);
      this.#word(first | ((bytes[index + 2] as number) << 16) | ((bytes[index + 3] as number) << 24));
    }
    for (let index = whole; index < bytes.byteLength; index += 1) this.#word(bytes[index] as number);
  }

  hash(): Hash {
    return { high: avalanche(this.#high), low: avalanche(this.#low) };
  }
}

/** Spreads every bit over the word, so that sums of hashes of similar parts do not cancel. */
function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
