// Data inside JSON: text when the bytes are UTF-8, base64 when they are not, never both and never ambiguous.

import { isUtf8 } from "node:buffer";
import { takeText } from "./text-ahead.ts";

export type DataMember = { readonly data: string } | { readonly dataBase64: string };

export function dataMember(bytes: Uint8Array, encoding?: "base64"): DataMember {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (encoding !== "base64" && isUtf8(buffer)) return { data: buffer.toString("utf8") };
  return { dataBase64: buffer.toString("base64") };
}

/** The member as it stands between the braces of an object: `"data":"…"`. */
export function dataText(bytes: Uint8Array): string {
  return takeText(bytes) ?? textInOneGo(bytes);
}

function textInOneGo(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return `"data":${JSON.stringify(buffer.toString("utf8"))}`;
  return `"dataBase64":"${buffer.toString("base64")}"`;
}
