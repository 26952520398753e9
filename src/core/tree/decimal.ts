// Numbers as znodes hold them: decimal text that anyone can read and write. Nothing else counts as one, so what is no
// number is never taken for one.

const decimalInteger = /^-?\d{1,16}$/;

/** The integer the bytes spell, empty ones 0; null when they spell none, or one beyond 2^53-1. */
export function decimalIn(bytes: Uint8Array): number | null {
  const text = asciiText(bytes) || "0";
  const value = Number(text);
  // There is one zero, however it was spelled.
  return decimalInteger.test(text) && Number.isSafeInteger(value) ? value + 0 : null;
}

/** The start of the value, long enough to tell an integer from what is none. */
function asciiText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 32));
}

export function decimalBytes(value: number): Uint8Array {
  return Uint8Array.from(String(value), (character) => character.charCodeAt(0));
}
