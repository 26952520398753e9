// Bytes that come in pieces, held in one piece: what they cost follows from how many they are and not from how small
// the pieces are. A piece of one byte would otherwise cost hundreds while it waits for the others.

export class GrowingBytes {
  readonly #bytesMax: number;
  #bytes: Buffer = nothing;
  #length = 0;

  /** @param bytesMax never more; whoever adds has to see to it */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** What counts against the bounds of bodies. */
  get heldBytes(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) this.#growTo(length);
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** All that was added, as bytes of its own; it begins anew. */
  take(): Buffer {
    const isFull = this.#length === this.#bytes.length;
    const taken = isFull ? this.#bytes : Buffer.from(this.#bytes.subarray(0, this.#length));
    if (isFull || this.#bytes.length > keptBytesMax) this.#bytes = nothing;
    this.#length = 0;
    return taken;
  }

  /** By doubling, so that each byte is moved a few times at most. */
  #growTo(length: number): void {
    const capacity = Math.min(Math.max(length, 2 * this.#bytes.length, capacityMin), this.#bytesMax);
    const grown = Buffer.allocUnsafe(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

const nothing = Buffer.alloc(0);
const capacityMin = 1024;
/** Room that is kept for what comes next. */
const keptBytesMax = 65_536;
