// Protocol buffers, as much of them as a lock needs: numbers, and bytes with their length before them.

const numberType = 0;
const bytesType = 2;

export type Field = readonly [tag: number, value: bigint | Uint8Array];

export function encode(fields: readonly Field[]): Buffer {
  const bytes: number[] = [];
  for (const [tag, value] of fields) {
    if (typeof value === "bigint") bytes.push(...varint(BigInt((tag << 3) | numberType)), ...varint(value));
    else bytes.push(...varint(BigInt((tag << 3) | bytesType)), ...varint(BigInt(value.length)), ...value);
  }
  return Buffer.from(bytes);
}

/** Each field by its tag; of one that comes several times the last. */
export function decode(bytes: Buffer): ReadonlyMap<number, bigint | Buffer> {
  const fields = new Map<number, bigint | Buffer>();
  let at = 0;
  const number = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(number());
    const value = number();
    if ((key & 7) === numberType) fields.set(key >> 3, value);
    else {
      fields.set(key >> 3, bytes.subarray(at, at + Number(value)));
      at += Number(value);
    }
  }
  return fields;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
