// What the tests speak HTTP with: fetch for ordinary requests, a reader of event streams, and a bare socket for
// what no client library would send. It knows no route and asserts nothing.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { bearerOf } from "./secret-of-admin.ts";

/** Nothing here may take longer: an answer that does not come is a failure, not a wait. */
const answerWithinMs = 20_000;

export interface RequestOptions {
  readonly query?: string | Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Sent as JSON. */
  readonly json?: unknown;
}

/** A response that was read to its end. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;

  constructor(status: number, headers: Headers, bytes: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  get text(): string {
    return Buffer.from(this.bytes).toString("utf8");
  }

  json<T = Record<string, unknown>>(): T {
    return JSON.parse(this.text) as T;
  }

  /** The last transaction the server had done (Z6). */
  get zxid(): number {
    return Number(this.headers.get("zxid"));
  }

  header(name: string): string | null {
    return this.headers.get(name);
  }

  /** The code of a problem; the status alone where there is none. */
  get code(): string {
    const isProblem = this.header("content-type")?.startsWith("application/problem+json") ?? false;
    return isProblem ? String(this.json().code) : `no problem but ${this.status}`;
  }
}

/** A request and what came of it, in as much text as helps to see what is wrong. */
export interface Exchange {
  /** The method and the target; of bytes sent as they are, their first line. */
  readonly request: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: string;
}

const exchangeCharactersMax = 2000;

/** The access token that whoever asks carries, where they were given one; a request that names another keeps that. */
const { TREEKEEPER_TOKEN: givenToken } = process.env;
const bearer: Readonly<Record<string, string>> = bearerOf(givenToken);

export class Http {
  readonly url: string;
  /** Told of each answer that was read to its end. */
  answered: (exchange: Exchange) => void = () => {};

  constructor(url: string) {
    this.url = url.replace(/\/+$/, "");
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.fetch(method, path, options, AbortSignal.timeout(answerWithinMs));
    const { status, headers } = response;
    const answer = new Answer(status, headers, new Uint8Array(await response.arrayBuffer()));
    this.answered({
      request: `${method} ${path}${queryText(options.query)}`,
      headers: options.headers ?? {},
      body: shortened(bodyOf(options) ?? ""),
      ...{ status, answerHeaders: Object.fromEntries(headers), answer: shortened(answer.bytes) },
    });
    return answer;
  }

  /** The response as its head is there, for who reads its body bit by bit. */
  fetch(method: string, path: string, options: RequestOptions = {}, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url + path + queryText(options.query), {
      method,
      body: bodyOf(options),
      redirect: "manual",
      headers: { ...bearer, ...options.headers },
      ...(signal !== undefined && { signal }),
    });
  }

  get(path: string, options?: RequestOptions): Promise<Answer> {
    return this.request("GET", path, options);
  }

  post(path: string, options?: RequestOptions): Promise<Answer> {
    return this.request("POST", path, options);
  }

  put(path: string, options?: RequestOptions): Promise<Answer> {
    return this.request("PUT", path, options);
  }

  delete(path: string, options?: RequestOptions): Promise<Answer> {
    return this.request("DELETE", path, options);
  }

  /** An event stream, open and read from here on. @throws Error when the answer is none */
  async stream(path: string, { query, headers = {} }: RequestOptions = {}): Promise<EventStream> {
    const abort = new AbortController();
    const options = {
      headers: { accept: "text/event-stream", ...headers },
      ...(query !== undefined && { query }),
    };
    const response = await this.fetch("GET", path, options, abort.signal);
    if (response.status === 200) return new EventStream(response, abort);
    throw new Error(`no stream but ${response.status}: ${await response.text()}`);
  }

  /** Bytes as they are, on a connection of their own; what came back until the server closed it. */
  async raw(request: string | Uint8Array): Promise<RawAnswer> {
    const socket = await this.connect();
    socket.write(request);
    const answer = parseRawAnswer(await readToEnd(socket));
    const text = shortened(request);
    const end = text.includes("\r\n") ? text.indexOf("\r\n") : text.length;
    this.answered({
      ...{ request: text.slice(0, end), headers: {}, body: text.slice(end + 2), status: answer.status },
      ...{ answerHeaders: Object.fromEntries(answer.headers), answer: shortened(answer.body) },
    });
    return answer;
  }

  /** The target as it is, which URL libraries would fold and encode. */
  rawRequest(method: string, target: string | Uint8Array, headers = "", body = ""): Promise<RawAnswer> {
    const length = body === "" && method !== "POST" ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    return this.raw(
      Buffer.concat([
        Buffer.from(`${method} `),
        Buffer.from(target),
        Buffer.from(` HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}${length}\r\n${body}`),
      ]),
    );
  }

  async connect(): Promise<Socket> {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port || 80), hostname.replaceAll(/[[\]]/g, ""));
    // A server may close with a reset what it did not read to the end; what it said before that counts.
    socket.on("error", () => {});
    await once(socket, "connect");
    return showingBearer(socket);
  }
}

/** Whoever writes requests on it shows the token, unless they show one. */
export function showingBearer(socket: Socket, token = givenToken): Socket {
  if (token === undefined) return socket;
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  return Object.assign(socket, {
    write: (part: string | Uint8Array, ...others: unknown[]) => write(withToken(part, token), ...others),
  });
}

/** For whoever writes on a socket that is not one of these, or writes several requests in one go. */
export function withBearer(request: string | Uint8Array): string | Uint8Array {
  return givenToken === undefined ? request : withToken(request, givenToken);
}

/** Where a head begins, its first line. */
const requestLines = /(?<=^|\r\n\r\n)[A-Z]+ \S+ HTTP\/1\.[01](?=\r\n)/g;

/** A line of each head like any other, where there are heads: what is malformed is sent as it is. */
function withToken(request: string | Uint8Array, token: string): Uint8Array {
  const text = Buffer.from(request).toString("latin1");
  const shown = text.replaceAll(requestLines, (line, at: number) => {
    const [head = ""] = text.slice(at).split("\r\n\r\n", 1);
    return /\r\nauthorization:/i.test(head) ? line : `${line}\r\nAuthorization: Bearer ${token}`;
  });
  return Buffer.from(shown, "latin1");
}

function bodyOf({ json, body }: RequestOptions): string | Uint8Array<ArrayBuffer> | null {
  return body ?? (json === undefined ? null : JSON.stringify(json));
}

function shortened(part: string | Uint8Array): string {
  const text = typeof part === "string" ? part : Buffer.from(part).toString("utf8");
  return text.length <= exchangeCharactersMax ? text : `${text.slice(0, exchangeCharactersMax)}…`;
}

function queryText(query: RequestOptions["query"]): string {
  if (query === undefined) return "";
  const text = typeof query === "string" ? query : new URLSearchParams(textsOf(query)).toString();
  return text === "" ? "" : `?${text}`;
}

function textsOf(members: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

async function readToEnd(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  socket.setTimeout(answerWithinMs, () => socket.destroy());
  if (!socket.closed) await once(socket, "close");
  return Buffer.concat(parts);
}

function parseRawAnswer(bytes: Buffer): RawAnswer {
  const text = bytes.toString("utf8");
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no HTTP answer but ${JSON.stringify(text.slice(0, 200))}`);
  const headers = lines.map((line) => line.split(/: ?(.*)/s, 2) as [string, string]);
  return {
    status,
    headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: rest.join("\r\n\r\n"),
  };
}

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  /** The data as it was sent. */
  readonly text: string;
  readonly data: Record<string, unknown>;
}

/** An id is a zxid, and behind it the epoch that it is of. */
export function zxidIn(id: string): number {
  return Number(id.split(".")[0]);
}

interface Waiter {
  readonly isMet: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Reads on in the background, so that a test sees what came whether or not it waits. */
export class EventStream {
  readonly headers: Headers;
  readonly events: StreamEvent[] = [];
  /** Milliseconds of the stream's own `retry:`. */
  retryMs: number | undefined;
  comments = 0;
  /** Whether the end came; `isCut` when it came without the protocol's own end. */
  isEnded = false;
  isCut = false;
  readonly #abort: AbortController;
  readonly #waiters = new Set<Waiter>();

  constructor(response: Response, abort: AbortController) {
    this.headers = response.headers;
    this.#abort = abort;
    void this.#read(response.body as ReadableStream<Uint8Array>);
  }

  /** The id to resume after. */
  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** The zxid in it; 0 where there is none yet. */
  get lastZxid(): number {
    return zxidIn(this.lastId ?? "0");
  }

  named(name: string): StreamEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** `type path` of everything told in changes, in order. */
  get changes(): string[] {
    return this.named("change").flatMap(({ data }) => changesOf(data));
  }

  async until(isMet: () => boolean): Promise<void> {
    if (isMet()) return;
    if (this.isEnded) throw new Error(`the stream ended after ${this.#summary}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { isMet, resolve, reject };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      this.#waiters.delete(waiter);
      reject(new Error(`what was waited for did not come; there came ${this.#summary}`));
    }, answerWithinMs);
    await promise.finally(() => clearTimeout(timer));
  }

  async untilEvent(name: string, count = 1): Promise<StreamEvent> {
    await this.until(() => this.named(name).length >= count);
    return this.named(name)[count - 1] as StreamEvent;
  }

  /** Until `count` events of znodes came, in however many changes. */
  async untilChanges(count: number): Promise<string[]> {
    await this.until(() => this.changes.length >= count);
    return this.changes;
  }

  async untilEnd(): Promise<void> {
    await this.until(() => this.isEnded);
  }

  /** Goes away, as a client that closes its connection. */
  close(): void {
    this.#abort.abort();
  }

  get #summary(): string {
    return JSON.stringify(this.events.map(({ id, event, text }) => [id, event, text.slice(0, 100)]));
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: (message) => this.events.push(toStreamEvent(message)),
      onRetry: (retryMs) => {
        this.retryMs = retryMs;
      },
      onComment: () => {
        this.comments += 1;
      },
    });
    try {
      for await (const part of body) {
        parser.feed(decoder.decode(part, { stream: true }));
        this.#tellWaiters();
      }
    } catch {
      this.isCut = true;
    }
    this.isEnded = true;
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    for (const waiter of this.#waiters) {
      const isMet = waiter.isMet();
      if (!isMet && !this.isEnded) continue;
      this.#waiters.delete(waiter);
      if (isMet) waiter.resolve();
      else waiter.reject(new Error(`the stream ended after ${this.#summary}`));
    }
  }
}

function toStreamEvent({ id, event, data }: EventSourceMessage): StreamEvent {
  return { id, event, text: data, data: JSON.parse(data) as Record<string, unknown> };
}

function changesOf(data: Record<string, unknown>): string[] {
  const events = data.events as { type: string; path: string }[];
  return events.map(({ type, path }) => `${type} ${path}`);
}
