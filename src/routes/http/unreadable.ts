// What the parser cannot read is answered too: what is not HTTP, or passes one of its bounds, is told so in a problem
// document before the connection closes. Never in place of the answer to a request that was understood.

import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type ErrorCode, type ErrorDetails, KeeperError } from "../../core/errors.ts";
import { browserHeaders } from "./browser-headers.ts";
import type { RequestStep } from "./every-request.ts";
import { fixedLimits } from "./fixed-limits.ts";
import type { HttpLimits } from "./http-limits.ts";
import { problemMediaType, problemOf } from "./problems.ts";
import { isUnhurried } from "./slow-bodies.ts";

/** Not imported: an import of this module loads the client, too, which a server never uses and its start would wait for. */
const { STATUS_CODES } = process.getBuiltinModule("node:http");

/** How long a client has to read why, before the connection goes whether or not it closes its side. */
const lingerMs = 1000;

const browserLines = Object.entries(browserHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");

/** What was heard on a connection of HTTP/1.1. */
interface Heard {
  /** That of the last request which could be read that far. */
  response: ServerResponse | undefined;
  isEnding: boolean;
  /** Its last answer was given, and says what could not be read. */
  isRefused: boolean;
}

/** Where a connection has it: written with each request, and found faster there than in a map. */
const heard = Symbol("heard");

type Connection = Socket & { [heard]?: Heard };

export class Unreadable {
  readonly #limits: HttpLimits;
  readonly #onRefused: () => void;

  /** @param onRefused called for each that is answered in place of a request */
  constructor(limits: HttpLimits, onRefused: () => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Call once, before anything else hears of a request. */
  follow(server: Server): void {
    server.on("request", (request, response) => {
      if (request.httpVersionMajor === 1) heardOn(request.socket).response = response;
    });
  }

  /** A request that crosses the refusal finds it as its answer: it must not be done after all. The connection goes. */
  readonly refuseBehind: RequestStep = ({ raw }, reply) => {
    if (raw.httpVersionMajor > 1 || (raw.socket as Connection)[heard]?.isRefused !== true) return true;
    reply.hijack();
    return false;
  };

  answer(error: ParseError, socket: Socket): void {
    const connection = heardOn(socket);
    if (connection.isEnding) return;
    const { response } = connection;
    const request = response?.req;
    const isLate = error.code === "ERR_HTTP_REQUEST_TIMEOUT" && request?.complete === false;
    if (isLate && isUnhurried(request)) return;
    connection.isEnding = true;
    const isAnswered = response === undefined || response.writableFinished;
    const isWhole = request === undefined || request.complete;
    const end = () => {
      connection.isRefused = true;
      this.#onRefused();
      endWith(socket, faultOf(error, isWhole, this.#limits));
    };
    // Behind others that have no answer yet.
    const isQueued = response?.socket === null;
    if (isAnswered) end();
    // The fault is in what follows a request that was understood: its own answer comes first, also where it is yet to begin.
    else if (isWhole && (isQueued || !response.headersSent)) response.once("close", end);
    else if (!isQueued && !response.headersSent) end();
    // Nothing would be in its place: neither in an answer that has begun, nor before those of the requests in front.
    else socket.destroy();
  }
}

function heardOn(connection: Connection): Heard {
  connection[heard] ??= { response: undefined, isEnding: false, isRefused: false };
  return connection[heard];
}

/** What Node's parser says: also what it was reading, and how much of that it had read. */
interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: unknown;
  readonly bytesParsed?: number;
}

interface Fault {
  readonly status: number;
  /** `bad_request` unless said. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

function endWith(socket: Socket, { status, code = "bad_request", message, details }: Fault): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ ...problemOf(new KeeperError(code, message, details)), status });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${problemMediaType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n${browserLines}Connection: close\r\n\r\n${body}`,
  );
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
}

function faultOf(error: ParseError, isWhole: boolean, limits: HttpLimits): Fault {
  const { headersTimeoutMs, requestTimeoutMs } = limits;
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return overflowOf(error, limits);
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW": {
      const limitValue = fixedLimits.chunkExtensionBytesMax;
      return {
        status: 413,
        code: "too_large",
        message: `The chunk extensions exceed ${limitValue} bytes.`,
        details: { limit: "chunkExtensionBytesMax", limitValue },
      };
    }
    case "ERR_HTTP_REQUEST_TIMEOUT": {
      const limit = isWhole && headersTimeoutMs < requestTimeoutMs ? "headersTimeoutMs" : "requestTimeoutMs";
      const what = isWhole ? "No whole URL and headers came" : "The request was not complete";
      return {
        status: 408,
        message: `${what} within ${limits[limit]} ms.`,
        details: { limit, limitValue: limits[limit] },
      };
    }
    default:
      return { status: 400, message: "This is not a request in HTTP/1.1." };
  }
}

/** There are two bounds, and the parser does not say which: of a head that came in parts, both are named. */
function overflowOf({ rawPacket, bytesParsed = 0 }: ParseError, { headerBytesMax }: HttpLimits): Fault {
  const { headersMax } = fixedLimits;
  if (rawPacket instanceof Uint8Array && linesIn(rawPacket.subarray(0, bytesParsed)) > headersMax) {
    const message = `A request has at most ${headersMax} headers.`;
    return { status: 431, message, details: { limit: "headersMax", limitValue: headersMax } };
  }
  const others = bytesParsed > headerBytesMax ? "" : `, or more than ${headersMax} headers`;
  const message = `The URL and headers have more than ${headerBytesMax} bytes${others}.`;
  return { status: 431, message, details: { limit: "headerBytesMax", limitValue: headerBytesMax } };
}

function linesIn(text: Uint8Array): number {
  const lineFeed = 10;
  let lines = 0;
  for (let at = text.indexOf(lineFeed); at !== -1; at = text.indexOf(lineFeed, at + 1)) lines += 1;
  return lines;
}
