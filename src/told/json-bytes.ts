// Text as it stands between quotes in JSON, made of its bytes without a string between: strings of such lengths are
// garbage, and where many clients take large answers others wait for it to be collected.

import { escapeLengths } from "../core/json-length.ts";

/** What stands behind the backslash, of those that need only one character there. */
const shortEscapes = Uint8Array.from({ length: 256 }, (_, byte) =>
  escapeLengths[byte] === 1 ? JSON.stringify(String.fromCharCode(byte)).charCodeAt('"\\'.length) : 0,
);
const [backslash, letterU, zero, one] = Buffer.from("\\u01") as unknown as [number, number, number, number];
const hexDigits = Buffer.from("0123456789abcdef");

/** @param text whole characters of UTF-8. @returns the very bytes where nothing in them is escaped */
export function jsonBytesOf(text: Buffer): Buffer {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1)
    length += escapeLengths[text[index] as number] as number;
  if (length === text.length) return text;
  const escaped = Buffer.allocUnsafe(length);
  let at = 0;
  for (let index = 0; index < text.length; index += 1) {
    const byte = text[index] as number;
    const extra = escapeLengths[byte];
    if (extra === 0) escaped[at] = byte;
    else if (extra === 1) {
      escaped[at] = backslash;
      escaped[at + 1] = shortEscapes[byte] as number;
    } else putControl(escaped, at, byte);
    at += 1 + (extra as number);
  }
  return escaped;
}

/** `\u0001` */
function putControl(escaped: Buffer, at: number, byte: number): void {
  escaped[at] = backslash;
  escaped[at + 1] = letterU;
  escaped[at + 2] = zero;
  escaped[at + 3] = zero;
  escaped[at + 4] = byte > 0x0f ? one : zero;
  escaped[at + 5] = hexDigits[byte & 0x0f] as number;
}
