// What the parser cannot read is answered too: what is not HTTP, or passes one of its bounds, is told so in a problem
// document before the connection closes.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { KeeperError } from "../core/errors.ts";
import type { HttpLimits } from "./http-limits.ts";
import { problemMediaType, problemOf } from "./problems.ts";

export function answerUnreadable(limits: HttpLimits) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (!socket.writable) return;
    const { status, message } = faultOf(error.code, limits);
    const body = JSON.stringify({ ...problemOf(new KeeperError("bad_request", message)), status });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${problemMediaType}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
}

function faultOf(code: string | undefined, { headerBytesMax, requestTimeoutMs }: HttpLimits) {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, message: `The URL and headers have more than ${headerBytesMax} bytes.` };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, message: `The request was not complete after ${requestTimeoutMs} ms.` };
    default:
      return { status: 400, message: "This is not a request in HTTP/1.1." };
  }
}
