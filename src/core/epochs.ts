// The pasts of a store. Each start of a writer begins an epoch, under a name that chance has given it, and each zxid
// belongs to the epoch it was given out in. Two stores that have an epoch in common have all in common up to it, however
// they went on: so a zxid together with the name of its epoch says of which past it is, which the number alone does not.

import { KeeperError } from "./errors.ts";

/** A stretch of the past, up to where the next one begins. */
export interface Epoch {
  /** Lower-case hex digits. */
  readonly id: string;
  /** Its first transaction, which may be yet to come. */
  readonly firstZxid: number;
}

/** A zxid and the epoch it belongs to; without, as people write it, it is a plain number of whichever past. */
export interface Stamp {
  readonly zxid: number;
  readonly epoch?: string | undefined;
}

/** Those before it are forgotten: what their zxids are shown with then is of an epoch that is not known. */
export const epochsMax = 10_000;

/** What was written before there were epochs, or so long ago that its epoch is forgotten, has an epoch without a name. */
const unnamed: Named = { id: "", firstZxid: 0, suffix: "" };

interface Named extends Epoch {
  /** What follows a zxid of it where that is shown with its epoch. */
  readonly suffix: string;
}

/** The same for those who look. */
export type ReadonlyEpochs = Omit<Epochs, "begin" | "forgetOldest">;

export class Epochs implements Iterable<Epoch> {
  /** In the order of their zxids; the first is always there and has no name. */
  readonly #epochs: Named[] = [unnamed];
  #current = unnamed;

  /** The one that transactions to come belong to. */
  get current(): Epoch {
    return this.#current;
  }

  /** Those that have names, oldest first. */
  *[Symbol.iterator](): Iterator<Epoch> {
    for (let index = 1; index < this.#epochs.length; index += 1) yield this.#epochs[index] as Epoch;
  }

  get count(): number {
    return this.#epochs.length - 1;
  }

  /** The oldest that has a name. */
  get oldest(): Epoch | undefined {
    return this.#epochs[1];
  }

  /** The name of the epoch that a zxid belongs to; empty for one that has none. */
  idAt(zxid: number): string {
    return this.#at(zxid).id;
  }

  /** A zxid as it is shown with its epoch, such as `1042.3f9a01c2d4`. */
  stampOf(zxid: number): string {
    return zxid + this.#at(zxid).suffix;
  }

  /** What is to follow numbers of znodes that were last written so. */
  suffixAt(zxid: number): string {
    return this.#at(zxid).suffix;
  }

  /** Nearly all that is asked for is of the current epoch, and costs one comparison. */
  #at(zxid: number): Named {
    if (zxid >= this.#current.firstZxid) return this.#current;
    let [low, high] = [0, this.#epochs.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#epochs[middle] as Named).firstZxid <= zxid) low = middle;
      else high = middle;
    }
    return this.#epochs[low] as Named;
  }

  /** Whether the zxid is of this store's past, or of what comes next in it, as far as its epoch says. */
  has({ zxid, epoch }: Stamp): boolean {
    return epoch === undefined || this.#at(zxid).id === epoch;
  }

  /** Whether a znode made at this zxid was here when a transaction of the epoch wrote it. */
  reaches(epoch: string, czxid: number): boolean {
    const index = this.#epochs.findLastIndex(({ id }) => id === epoch);
    const next = this.#epochs[index + 1];
    return index !== -1 && (next === undefined || czxid < next.firstZxid);
  }

  /** One in which nothing was written makes way: no zxid was ever shown with its name. */
  begin({ id, firstZxid }: Epoch): void {
    const epoch = { id, firstZxid, suffix: `.${id}` };
    if (this.#current !== unnamed && this.#current.firstZxid === firstZxid) this.#epochs.pop();
    this.#epochs.push(epoch);
    this.#current = epoch;
  }

  /** Its zxids belong to the epoch without a name from here on. */
  forgetOldest(): void {
    this.#epochs.splice(1, 1);
    this.#current = this.#epochs.at(-1) as Named;
  }
}

/** Whether a stamp is of a past that the state never had, or of a future of it that never came. */
export function isUnknownPast(
  state: { readonly zxid: number; readonly epochs: Epochs },
  stamp: Stamp,
): boolean {
  return stamp.zxid > state.zxid || !state.epochs.has(stamp);
}

/** A stamp as it was given out. */
export function stampText({ zxid, epoch = "" }: Stamp): string {
  return epoch === "" ? String(zxid) : `${zxid}.${epoch}`;
}

/**
 * How a stamp is written, for patterns to be made of. A pattern has to say how large a number may be without the digits of
 * the largest safe integer: no zxid comes near 9 * 10^15, below which every number is one.
 */
export const stampForm = { zxid: "[0-8]?[0-9]{1,15}", epoch: "[0-9a-f]{1,16}" };
const stampPattern = new RegExp(`^(${stampForm.zxid})(?:\\.(${stampForm.epoch}))?$`);
const epochIdPattern = new RegExp(`^${stampForm.epoch}$`);

/** @throws KeeperError when it would not be read back from what is shown */
export function validateEpochId(id: string): void {
  if (epochIdPattern.test(id)) return;
  throw new KeeperError("bad_request", "An epoch is named in 1 to 16 lower-case hex digits.");
}

/** Null for what was never given out. */
export function parseStamp(text: string): Stamp | null {
  const [, digits, epoch] = stampPattern.exec(text) ?? [];
  if (digits === undefined) return null;
  return epoch === undefined ? { zxid: Number(digits) } : { zxid: Number(digits), epoch };
}
