// How a batch of commands is written into a log entry: MessagePack behind a format number and a checksum. Field
// names are stored, so an older entry stays readable when a command gains a field.

import { crc32 } from "node:zlib";
import { decode, Encoder, ExtensionCodec, encode } from "@msgpack/msgpack";
import type { TokenPrincipal } from "../core/access/principal.ts";
import type { TransactionBounds } from "../core/bounds.ts";
import type { Command } from "../core/command.ts";
import type { Moment } from "../core/moment.ts";
import { NewerVersionError } from "../core/newer-version-error.ts";

/** Commands ordered together, with the one time they all see (S9). */
export interface Batch extends Moment {
  readonly commands: readonly Command[];
  /** Those that were in force when it was written; absent in entries from before there were any. */
  readonly bounds?: TransactionBounds | undefined;
  /** The version of the evaluation that it takes (`core/machine-version.ts`); absent in entries that do not say. */
  readonly version?: number | undefined;
}

const format = 1;
const headerBytes = 5;

/** MessagePack's number for values whose bytes were made before. */
const readyMade = 1;

/** Who asks, in bytes: all requests of one caller carry the same record. */
const principalBytes = new WeakMap<object, Uint8Array>();
/** The last of these: many commands in a row are of one caller. */
let lastPrincipal: TokenPrincipal | null = null;
let lastBytes: Uint8Array = new Uint8Array();

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: readyMade,
  encode: (value) => (isTokenPrincipal(value) ? bytesOfPrincipal(value) : null),
  decode: (bytes) => decode(bytes),
});

/** Asked of each array and record that is written. */
function isTokenPrincipal(value: unknown): value is TokenPrincipal {
  const { token, made } = value as Partial<TokenPrincipal>;
  return typeof made === "number" && typeof token === "string";
}

function bytesOfPrincipal(principal: TokenPrincipal): Uint8Array {
  if (principal === lastPrincipal) return lastBytes;
  const bytes = principalBytes.get(principal) ?? encode(principal, { ignoreUndefined: true });
  principalBytes.set(principal, bytes);
  lastPrincipal = principal;
  lastBytes = bytes;
  return bytes;
}

const encoder = new Encoder({ ignoreUndefined: true, extensionCodec });

/** Format byte, CRC-32 of the rest, MessagePack. The result owns its memory: no other bytes travel with it. */
export function encodeBatch(batch: Batch): Uint8Array {
  const payload = encoder.encodeSharedRef([
    batch.timeMs,
    batch.commands,
    batch.bounds,
    batch.ranMs,
    batch.version,
  ]);
  const body = new Uint8Array(headerBytes + payload.byteLength);
  body.set(payload, headerBytes);
  const view = new DataView(body.buffer);
  view.setUint8(0, format);
  view.setUint32(1, crc32(payload));
  return body;
}

/** @throws Error when the entry is damaged, NewerVersionError when it is of a format this version does not know */
export function decodeBatch(body: Uint8Array): Batch {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const payload = body.subarray(headerBytes);
  if (body.byteLength < headerBytes || view.getUint8(0) !== format) {
    throw new NewerVersionError("a later version wrote the log, in a format that is unknown here");
  }
  if (view.getUint32(1) !== crc32(payload))
    throw new Error("a log entry is damaged: its checksum does not match");
  const [timeMs, commands, bounds, ranMs, version] = decode(payload, { extensionCodec }) as EncodedBatch;
  return {
    ...{ timeMs, commands, bounds: bounds ?? undefined },
    ...(typeof ranMs === "number" && { ranMs }),
    ...(typeof version === "number" && { version }),
  };
}

/** Entries of earlier versions end sooner. */
type EncodedBatch = [
  timeMs: number,
  commands: Command[],
  bounds?: TransactionBounds | null,
  ranMs?: number | null,
  version?: number | null,
];
