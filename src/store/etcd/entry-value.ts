// What stands under an entry's key: the entry itself, or, where it is longer than etcd takes, how long it is. Its parts
// stand under keys of their own then, and were put there before it.

/** etcd takes requests of 1.5 MiB unless told otherwise. */
const partBytes = 1_048_576;

const whole = 0;
const inParts = 1;

export function valueFor(body: Uint8Array): Uint8Array {
  if (body.byteLength <= partBytes) {
    const value = new Uint8Array(1 + body.byteLength);
    value.set(body, 1);
    return value;
  }
  const value = new Uint8Array(5);
  value[0] = inParts;
  new DataView(value.buffer).setUint32(1, body.byteLength);
  return value;
}

/** Null where it is in parts. @throws Error for what is neither */
export function bodyIn(value: Uint8Array): Uint8Array | null {
  if (value[0] === whole) return value.subarray(1);
  if (value[0] === inParts && value.byteLength === 5) return null;
  throw new Error("an entry of the log in etcd is of a form that is unknown here");
}

export function lengthIn(value: Uint8Array): number {
  if (bodyIn(value) !== null) return value.byteLength - 1;
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(1);
}

/** None of what is short enough to be whole. */
export function partsOf(body: Uint8Array): Uint8Array[] {
  if (body.byteLength <= partBytes) return [];
  const count = Math.ceil(body.byteLength / partBytes);
  return Array.from({ length: count }, (_, index) =>
    body.subarray(index * partBytes, (index + 1) * partBytes),
  );
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let position = 0;
  for (const part of parts) {
    body.set(part, position);
    position += part.byteLength;
  }
  return body;
}
