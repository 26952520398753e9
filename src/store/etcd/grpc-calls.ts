// gRPC over connections that `@connectrpc/connect-node` keeps: calls of one message there and one back, and streams that are
// asked for once. Its own way of making them has room for more than is used here, and takes three times the processor time; every
// write of the service waits for a call, and every server hears of it by a stream. What goes wrong is a ConnectError.

import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { create, type DescMethod, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";

export interface CallOptions {
  /** Until the answer is there. */
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** By the names of a service's methods. */
export type UnaryCalls = Readonly<
  Record<string, (request: object, options: CallOptions) => Promise<unknown>>
>;

export function unaryCalls(service: DescService, connections: Http2SessionManager): UnaryCalls {
  const unary = service.methods.filter(({ methodKind }) => methodKind === "unary");
  return Object.fromEntries(
    unary.map((method) => [
      method.localName,
      async (request: object, options: CallOptions) => {
        const message = toBinary(method.input, create(method.input, { ...request }));
        const answer = await new Exchange(connections, pathOf(method), message, options).answer;
        return decoded(method, answer);
      },
    ]),
  );
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function decoded({ output }: DescMethod, message: Uint8Array): unknown {
  try {
    return fromBinary(output, message);
  } catch (error) {
    throw ofTheWay(error);
  }
}

/** Before each message: the compressed flag and its length. */
const prefixBytes = 5;
/**
 * The longest message that is taken. The names of all entries come in one: 100 000 of them, when a snapshot is due, are some ten
 * million bytes, and there is room for many times as many. Eight entries of a mebibyte, or the parts of one, are less.
 */
const messageBytesMax = 268_435_456;
const statusOk = "0";
const requestHeaders = { "content-type": "application/grpc", te: "trailers" };

/**
 * What the server sends from one request on, until the signal. The way there stays open as long.
 * @throws ConnectError when the server ends it, or it breaks off; nothing once the signal has ended it
 */
export async function* messagesOf(
  method: DescMethod,
  connections: Http2SessionManager,
  request: object,
  {
    signal,
    headers = {},
  }: { readonly signal: AbortSignal; readonly headers?: Readonly<Record<string, string>> },
): AsyncGenerator<unknown, void, undefined> {
  const message = toBinary(method.input, create(method.input, { ...request }));
  let last: IncomingHttpHeaders = {};
  const stream = await connections
    .request("POST", pathOf(method), { ...requestHeaders, ...headers }, {})
    .catch((error: unknown) => Promise.reject(ofTheWay(error)));
  const onAbort = () => stream.close(constants.NGHTTP2_CANCEL);
  signal.addEventListener("abort", onAbort, { once: true });
  // Whoever reads it hears of it, if anybody does.
  stream.on("error", () => {});
  for (const event of ["response", "trailers"])
    stream.on(event, (headers: IncomingHttpHeaders) => {
      last = headers;
    });
  try {
    if (signal.aborted) return;
    stream.write(lengthPrefixed(message));
    const messages = new Messages();
    for await (const piece of stream) {
      connections.notifyResponseByteRead(stream);
      if (!isGrpc(last)) break;
      for (const found of messages.take(piece as Buffer)) yield decoded(method, found);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw ofTheWay(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    stream.close(constants.NGHTTP2_CANCEL);
  }
  if (!signal.aborted) throw statusError(last) ?? brokenOff();
}

/** Whole messages out of the pieces that they come in. */
class Messages {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #wanted = prefixBytes;

  /** Whether what has come ends with a message. */
  get isWhole(): boolean {
    return this.#bytes === 0;
  }

  /** @throws ConnectError for what is none */
  take(piece: Buffer): Uint8Array[] {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    const found: Uint8Array[] = [];
    while (this.#bytes >= this.#wanted) {
      const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      this.#pieces = [all];
      this.#wanted = prefixBytes + lengthIn(all);
      if (this.#bytes < this.#wanted) break;
      // A copy: what is kept of it must not keep all that came with it.
      found.push(new Uint8Array(all.subarray(prefixBytes, this.#wanted)));
      const rest = all.subarray(this.#wanted);
      this.#pieces = rest.byteLength === 0 ? [] : [rest];
      this.#bytes = rest.byteLength;
      this.#wanted = prefixBytes;
    }
    return found;
  }
}

/** Of the message behind a prefix. @throws ConnectError where it is compressed, or longer than is taken */
function lengthIn(prefix: Buffer): number {
  if (prefix[0] !== 0)
    throw new ConnectError("the answer is compressed, and that was not asked for", Code.Internal);
  const bytes = prefix.readUInt32BE(1);
  if (bytes > messageBytesMax)
    throw new ConnectError(`an answer of ${bytes} bytes is longer than ${messageBytesMax}`, Code.Internal);
  return bytes;
}

class Exchange {
  /** @throws ConnectError */
  readonly answer: Promise<Uint8Array>;
  readonly #settle = Promise.withResolvers<Uint8Array>();
  readonly #timer: NodeJS.Timeout;
  readonly #messages = new Messages();
  readonly #found: Uint8Array[] = [];
  #stream: ClientHttp2Stream | null = null;
  #isOver = false;
  /** They say the status: trailers, or the response headers where nothing else comes (trailers-only). */
  #last: IncomingHttpHeaders = {};

  constructor(
    connections: Http2SessionManager,
    path: string,
    message: Uint8Array,
    { timeoutMs, headers = {} }: CallOptions,
  ) {
    this.answer = this.#settle.promise;
    this.#timer = setTimeout(() => {
      this.#fail(new ConnectError(`etcd has not answered in ${timeoutMs} ms`, Code.DeadlineExceeded));
    }, timeoutMs);
    const all = { ...requestHeaders, "grpc-timeout": `${timeoutMs}m`, ...headers };
    connections.request("POST", path, all, {}).then(
      (stream) => this.#begin(stream, message),
      (error: unknown) => this.#fail(ofTheWay(error)),
    );
  }

  #begin(stream: ClientHttp2Stream, message: Uint8Array): void {
    // Also of one that is given up: what it throws later is nobody's.
    stream.on("error", (error) => this.#fail(ofTheWay(error)));
    this.#stream = stream;
    if (this.#isOver) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    for (const event of ["response", "trailers"])
      stream.on(event, (headers: IncomingHttpHeaders) => {
        this.#last = headers;
      });
    stream.on("data", (piece: Buffer) => this.#take(piece));
    stream.on("end", () => this.#end());
    stream.on("close", () => {
      if (!this.#isOver) this.#fail(brokenOff());
    });
    stream.end(lengthPrefixed(message));
  }

  #take(piece: Buffer): void {
    if (this.#isOver || !isGrpc(this.#last)) return;
    try {
      this.#found.push(...this.#messages.take(piece));
      if (this.#found.length > 1) throw new ConnectError("there is more than one answer", Code.Internal);
    } catch (error) {
      this.#fail(ofTheWay(error));
    }
  }

  #end(): void {
    const error = statusError(this.#last);
    const [answer] = this.#found;
    if (error !== null) this.#fail(error);
    else if (answer === undefined || !this.#messages.isWhole) this.#fail(brokenOff());
    else if (this.#isFirst()) this.#settle.resolve(answer);
  }

  #fail(error: ConnectError): void {
    if (!this.#isFirst()) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#settle.reject(error);
  }

  /** What comes after the outcome changes nothing. */
  #isFirst(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}

function lengthPrefixed(message: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(prefixBytes + message.byteLength);
  whole[0] = 0;
  whole.writeUInt32BE(message.byteLength, 1);
  whole.set(message, prefixBytes);
  return whole;
}

type LastHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** What comes with any other status is a page for people. */
function isGrpc({ ":status": http = statusHttpOk }: LastHeaders): boolean {
  return http === statusHttpOk;
}

const statusHttpOk = 200;

/** Null where the server has said that all went well. */
function statusError(last: LastHeaders): ConnectError | null {
  const { ":status": http = statusHttpOk, "grpc-status": status, "grpc-message": message = "" } = last;
  if (!isGrpc(last))
    return new ConnectError(`answered with HTTP status ${http}`, codes.get(http) ?? Code.Unavailable);
  if (status === undefined) return brokenOff();
  return status === statusOk ? null : new ConnectError(readable(String(message)), codeIn(String(status)));
}

function codeIn(status: string): Code {
  const code = Number(status);
  return Code[code] === undefined ? Code.Unknown : code;
}

function ofTheWay(error: unknown): ConnectError {
  return ConnectError.from(error, Code.Unavailable);
}

function brokenOff(): ConnectError {
  return new ConnectError("the answer broke off", Code.Unavailable);
}

/** Of gateways between here and etcd. */
const codes: ReadonlyMap<number, Code> = new Map([
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
]);

/** It is percent-encoded, unless somebody did not keep to it. */
function readable(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
