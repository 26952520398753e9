// A znode's data as it came: as text when its bytes are UTF-8, else as base64. Turned into what is asked for when it
// is asked for, since most readers want one of the two and many want neither.

/** How data stands in JSON: never both (API section 1). */
export interface WireData {
  readonly data?: string | undefined;
  readonly dataBase64?: string | undefined;
}

export class ZnodeData {
  readonly #text: string | null;
  readonly #base64: string;

  private constructor(text: string | null, base64: string) {
    this.#text = text;
    this.#base64 = base64;
  }

  /** Undefined when there is none: it was not asked for, or the znode is gone. */
  static from({ data, dataBase64 }: WireData): ZnodeData | undefined {
    if (data !== undefined) return new ZnodeData(data, "");
    return dataBase64 === undefined ? undefined : new ZnodeData(null, dataBase64);
  }

  /** Whether the bytes are UTF-8. */
  get isText(): boolean {
    return this.#text !== null;
  }

  /** Bytes that are not UTF-8 are read as such all the same, with U+FFFD where they make no sense. */
  text(): string {
    return this.#text ?? new TextDecoder().decode(this.bytes());
  }

  /** A copy of the bytes. */
  bytes(): Uint8Array {
    if (this.#text !== null) return new TextEncoder().encode(this.#text);
    return Uint8Array.from(atob(this.#base64), (character) => character.charCodeAt(0));
  }

  equals(other: ZnodeData): boolean {
    return this.#text === other.#text && this.#base64 === other.#base64;
  }
}
