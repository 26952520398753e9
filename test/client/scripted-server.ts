// A server that answers exactly what a test tells it to, faults included, and sees what the client asked.

import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** One request, which the test answers. */
export class Exchange {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  /** What was sent, once all of it is there. */
  readonly body: Promise<string>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<unknown>;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url as string, "http://server");
    this.method = request.method as string;
    this.path = url.pathname;
    this.query = url.searchParams;
    this.headers = request.headers;
    this.response = response;
    this.body = text(request).catch(() => "");
    this.closed = once(response, "close");
  }

  /** The method and the path, to be compared at a glance. */
  get asked(): string {
    return `${this.method} ${this.path}`;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.body);
  }

  /** Answers with JSON. */
  reply(status: number, body: object, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, { "Content-Type": "application/json; charset=utf-8", ...headers });
    this.response.end(JSON.stringify(body));
  }

  /** Begins an event stream. */
  begin(text = "retry: 1000\n"): this {
    this.response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    this.response.write(text);
    return this;
  }

  send(text: string): this {
    this.response.write(text);
    return this;
  }

  end(): void {
    this.response.end();
  }

  /** The connection is lost. */
  cut(): void {
    this.response.socket?.resetAndDestroy();
  }

  refuse(status: number, problem: object, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
    this.response.end(JSON.stringify(problem));
  }

  answer(status: number, contentType: string, body: string): void {
    this.response.writeHead(status, { "Content-Type": contentType });
    this.response.end(body);
  }
}

export class ScriptedServer {
  readonly #server: Server;
  readonly #arrived: Exchange[] = [];
  #waiting: ((exchange: Exchange) => void) | null = null;

  private constructor() {
    this.#server = createServer((request, response) => this.#arrive(new Exchange(request, response)));
  }

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    scripted.#server.listen(0, "127.0.0.1");
    await once(scripted.#server, "listening");
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #arrive(exchange: Exchange): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#arrived.push(exchange);
    else waiting(exchange);
  }

  /** The next request, in the order they came. */
  async request(): Promise<Exchange> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return arrived;
    return await new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  async connectionCount(): Promise<number> {
    return await new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }
}

const stat = {
  czxid: 1,
  mzxid: 1,
  pzxid: 1,
  ctimeMs: 0,
  mtimeMs: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: null,
  dataLength: 0,
  numChildren: 0,
};

/** A znode as it stands in a message. */
export function znode(path: string, data: string, changes: Partial<Record<keyof typeof stat, unknown>> = {}) {
  return { path, data, stat: { ...stat, ...changes } };
}

export function synced(zxid: number): string {
  return `id: ${zxid}\nevent: synced\ndata: {"zxid":${zxid}}\n\n`;
}

export function bookmark(zxid: number): string {
  return `id: ${zxid}\nevent: bookmark\ndata: {"zxid":${zxid}}\n\n`;
}

export function snapshot(zxid: number, ...znodes: object[]): string {
  return `event: snapshot\ndata: ${JSON.stringify({ zxid, znodes })}\n\n`;
}

export function reset(reason: string, zxid: number): string {
  return `event: reset\ndata: ${JSON.stringify({ reason, zxid })}\n\n`;
}

export function change(zxid: number, ...events: object[]): string {
  const data = JSON.stringify({ zxid, timeMs: 1_700_000_000_000, cause: "request", events });
  return `id: ${zxid}\nevent: change\ndata: ${data}\n\n`;
}

/** A change of one znode: enough to tell one from another. */
export function setTo(zxid: number, data: string, path = "/a"): string {
  return change(zxid, { type: "changed", ...znode(path, data, { mzxid: zxid }) });
}
