// How long data is in JSON. It is looked at byte by byte, so what is long is looked at once: data does not change.

/** What is shorter is counted again, and put into JSON in one go. */
export const longDataBytes = 65_536;

const lengths = new WeakMap<Uint8Array, number>();

/** Bytes of UTF-8 between the quotes. What is no text stands there as base64, which is about as long. */
export function jsonLengthOf(data: Uint8Array): number {
  if (data.byteLength <= longDataBytes) return count(data);
  const known = lengths.get(data);
  if (known !== undefined) return known;
  const length = count(data);
  lengths.set(data, length);
  return length;
}

function count(data: Uint8Array): number {
  let length = data.byteLength;
  // A look into a table for each byte: 8 MiB of them are looked at while everybody waits.
  for (let index = 0; index < data.byteLength; index += 1)
    length += escapeLengths[data[index] as number] as number;
  return length;
}

/** What a byte takes more than itself: `\n` and its like one character, other controls as `\u0001` five. */
export const escapeLengths = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).length - '"a"'.length : 0,
);
