// ZooKeeper's wire format, as much of it as a lock needs: numbers are big-endian, and texts and lists have their
// length before them.

export class JuteWriter {
  readonly #bytes: Buffer;
  #at = 4;

  /** @param lengthMax of all that is written */
  constructor(lengthMax: number) {
    this.#bytes = Buffer.allocUnsafe(lengthMax + 4);
  }

  int(value: number): this {
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
    return this;
  }

  long(value: bigint): this {
    this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
    return this;
  }

  flag(value: boolean): this {
    this.#at = this.#bytes.writeUInt8(value ? 1 : 0, this.#at);
    return this;
  }

  text(value: string): this {
    this.int(value.length);
    this.#at += this.#bytes.write(value, this.#at, "latin1");
    return this;
  }

  buffer(value: Uint8Array): this {
    this.int(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** With its length before it. */
  packet(): Buffer {
    this.#bytes.writeInt32BE(this.#at - 4, 0);
    return this.#bytes.subarray(0, this.#at);
  }
}

export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(packet: Buffer) {
    this.#bytes = packet;
  }

  int(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  long(): bigint {
    this.#at += 8;
    return this.#bytes.readBigInt64BE(this.#at - 8);
  }

  text(): string {
    const length = this.int();
    this.#at += length;
    return this.#bytes.toString("latin1", this.#at - length, this.#at);
  }

  texts(): string[] {
    return Array.from({ length: this.int() }, () => this.text());
  }
}
