// HTTP/2 frame by frame, for what no client library would send. It knows as much of RFC 9113 and of HPACK (RFC 7541) as a
// hostile client needs, and asserts nothing.

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
  unknown: 0x50,
} as const;

export const endStream = 1;
export const endHeaders = 4;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | readonly number[] = [],
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

/** `:method`, `:scheme`, `:path` and `:authority` of a request, as a block of headers. */
export function requestHead(method: "GET" | "POST", path: string): Buffer {
  const [methodField, https] = [method === "GET" ? 0x82 : 0x83, 0x87];
  return Buffer.concat([
    Buffer.from([methodField, https]),
    field(":path", path),
    field(":authority", "localhost"),
  ]);
}

/** A header written out, and remembered for later ones if so. */
export function field(name: string, value: string, isRemembered = false): Buffer {
  return Buffer.concat([Buffer.from([isRemembered ? 0x40 : 0]), text(name), text(value)]);
}

/** The header that was remembered last, so many times. */
export function lastField(count: number): Buffer {
  return Buffer.alloc(count, 0x80 | 62);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from(integer(bytes.length)), bytes]);
}

/** With a prefix of seven bits. */
function integer(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  let left = value - 127;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left & 127) | 128);
  return [...bytes, left];
}

/** The frames in what a server sent. */
export function framesIn(bytes: Buffer): { readonly type: number; readonly payload: Buffer }[] {
  const frames = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({ type: bytes.readUInt8(at + 3), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

/** A connection of HTTP/2 that has sent its preface. @param localAddress where it comes from */
export async function connectFrames(url: string, localAddress = "127.0.0.1"): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const address = { host: hostname, port: Number(port), localAddress };
  // It may be closed at any time, with whatever was on its way.
  const socket = connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  socket.write(
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameTypes.settings, 0, 0)]),
  );
  return socket;
}
