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
        return fromBinary(method.output, answer);
      },
    ]),
  );
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

/** Before a message: whether it is compressed, which it never is, and its length. */
const headBytes = 5;
const statusOk = "0";
const headOfAll = { "content-type": "application/grpc", te: "trailers" };

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
  let told: IncomingHttpHeaders = {};
  const stream = await connections
    .request("POST", pathOf(method), { ...headOfAll, ...headers }, {})
    .catch((error: unknown) => Promise.reject(ofTheWay(error)));
  const onAbort = () => stream.close(constants.NGHTTP2_CANCEL);
  signal.addEventListener("abort", onAbort, { once: true });
  // Whoever reads it hears of it, if anybody does.
  stream.on("error", () => {});
  stream.on("response", (head) => {
    told = head;
  });
  stream.on("trailers", (trailers) => {
    told = trailers;
  });
  try {
    if (signal.aborted) return;
    stream.write(framed(message));
    const frames = new Frames();
    for await (const piece of stream) {
      connections.notifyResponseByteRead(stream);
      for (const found of frames.take(piece as Buffer)) yield fromBinary(method.output, found);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw ofTheWay(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    stream.close(constants.NGHTTP2_CANCEL);
  }
  if (!signal.aborted) throw refusalIn(told) ?? brokenOff();
}

/** Whole messages from a stream that comes in pieces. */
class Frames {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #wanted = headBytes;

  take(piece: Buffer): Uint8Array[] {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    const found: Uint8Array[] = [];
    while (this.#bytes >= this.#wanted) {
      const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      this.#pieces = [all];
      this.#wanted = headBytes + all.readUInt32BE(1);
      if (this.#bytes < this.#wanted) break;
      found.push(messageIn(all.subarray(0, this.#wanted)));
      this.#pieces = [all.subarray(this.#wanted)];
      this.#bytes -= this.#wanted;
      this.#wanted = headBytes;
    }
    return found;
  }
}

class Exchange {
  /** @throws ConnectError */
  readonly answer: Promise<Uint8Array>;
  readonly #settle = Promise.withResolvers<Uint8Array>();
  readonly #timer: NodeJS.Timeout;
  readonly #pieces: Buffer[] = [];
  #stream: ClientHttp2Stream | null = null;
  #isOver = false;
  /** What the server says of the outcome, in the head of a refusal and behind any other answer. */
  #told: IncomingHttpHeaders = {};

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
    const head = { ...headOfAll, "grpc-timeout": `${timeoutMs}m`, ...headers };
    connections.request("POST", path, head, {}).then(
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
    // In a head it is said of a refusal.
    for (const event of ["response", "trailers"])
      stream.on(event, (told: IncomingHttpHeaders) => {
        this.#told = told;
      });
    stream.on("data", (piece: Buffer) => this.#pieces.push(piece));
    stream.on("end", () => this.#end());
    stream.on("close", () => {
      if (!this.#isOver) this.#fail(brokenOff());
    });
    stream.end(framed(message));
  }

  #end(): void {
    const refusal = refusalIn(this.#told);
    const frame = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    if (refusal !== null) this.#fail(refusal);
    else if (!isWhole(frame)) this.#fail(brokenOff());
    else if (this.#isFirst()) this.#settle.resolve(messageIn(frame));
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

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.byteLength);
  frame[0] = 0;
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, headBytes);
  return frame;
}

function isWhole(frame: Buffer): boolean {
  return (
    frame.byteLength >= headBytes && frame[0] === 0 && frame.readUInt32BE(1) === frame.byteLength - headBytes
  );
}

/** A copy: what is kept of it must not keep all that came with it. */
function messageIn(frame: Buffer): Uint8Array {
  return new Uint8Array(frame.subarray(headBytes));
}

/** Null where the server has said that all went well. */
function refusalIn(told: IncomingHttpHeaders & IncomingHttpStatusHeader): ConnectError | null {
  const { ":status": http = 200, "grpc-status": status, "grpc-message": message = "" } = told;
  if (http !== 200)
    return new ConnectError(`answered with HTTP status ${http}`, codes.get(http) ?? Code.Unavailable);
  if (status === undefined) return brokenOff();
  return status === statusOk ? null : new ConnectError(readable(String(message)), Number(status));
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
