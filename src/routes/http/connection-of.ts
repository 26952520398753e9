// What a request came by, in either protocol.

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { ServerHttp2Stream } from "node:http2";

/** Its session in HTTP/2, else its socket. */
export function connectionOf(request: IncomingMessage): EventEmitter {
  if (request.httpVersionMajor === 1) return request.socket;
  const { stream } = request as unknown as { readonly stream?: ServerHttp2Stream };
  return stream?.session ?? request.socket;
}

/** Where a request of HTTP/2 has it. A socket keeps what it was asked for once; a stream that has ended knows nothing. */
const ownAddress = Symbol("address");

type Addressed = IncomingMessage & { [ownAddress]?: string };

/** Of the other end, also when it is gone, once it was asked for while it was there; empty where nobody asked. */
export function remoteAddressOf(request: Addressed): string {
  if (request.httpVersionMajor === 1) return request.socket.remoteAddress ?? "";
  const known = request[ownAddress] ?? request.socket?.remoteAddress;
  if (known === undefined) return "";
  request[ownAddress] = known;
  return known;
}
