// A client of several servers of one service: each request goes to any of them, and says how far the answers before it
// had come, so that none shows an older state than the last.

import type { Socket } from "node:net";
import { type Answer, type EventStream, Http, type RawAnswer, type RequestOptions } from "./http.ts";

/** In what an answer tells step by step, whose head was sent before the first. */
const zxidsTold = /"zxid":(\d+)/g;
const toldInSteps = /^(application\/x-ndjson|text\/event-stream)/;

export class HttpToAny extends Http {
  readonly #servers: readonly Http[];
  readonly #chance: () => number;
  readonly #streams: EventStream[] = [];
  /** Whose answers went to sockets, and were not read here. */
  readonly #overheard = new Set<Http>();
  #zxid = 0;

  /** @param chance from 0 up to 1, which picks the server of each request */
  constructor(urls: readonly string[], chance: () => number) {
    super(urls[0] as string);
    this.#servers = urls.map((url) => new Http(url));
    this.#chance = chance;
  }

  #anyServer(): Http {
    return this.#servers[Math.floor(this.#chance() * this.#servers.length)] as Http;
  }

  override async fetch(
    method: string,
    path: string,
    options: RequestOptions = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const server = this.#anyServer();
    for (const overheard of this.#overheard) await this.#ask(overheard);
    const headers = { ...this.#minZxid(), ...options.headers };
    const response = await server.fetch(method, path, { ...options, headers }, signal);
    this.saw(Number(response.headers.get("zxid")));
    return response;
  }

  override async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const answer = await super.request(method, path, options);
    if (toldInSteps.test(answer.header("content-type") ?? ""))
      for (const [, zxid] of answer.text.matchAll(zxidsTold)) this.saw(Number(zxid));
    return answer;
  }

  #minZxid(): Record<string, string> {
    for (const { lastId } of this.#streams) this.saw(Number.parseInt(lastId ?? "0", 10));
    return { "Min-Zxid": String(this.#zxid) };
  }

  /** So far somebody has come whose state none may be older than. */
  saw(zxid: number): void {
    this.#zxid = Math.max(this.#zxid, zxid);
  }

  /** How far the server has come, which is now at least as far as anybody was told. */
  async #ask(server: Http): Promise<void> {
    this.#overheard.delete(server);
    const { zxid } = await server.get("/v1/znodes", { headers: this.#minZxid() });
    this.saw(zxid);
  }

  override async stream(path: string, options: RequestOptions = {}): Promise<EventStream> {
    const stream = await super.stream(path, options);
    this.#streams.push(stream);
    return stream;
  }

  override async raw(request: string | Uint8Array): Promise<RawAnswer> {
    const answer = await super.raw(request);
    this.saw(Number(answer.headers.get("zxid") ?? 0));
    return answer;
  }

  /** Bytes are sent as they are: the server is asked before to come as far as is known here. */
  override async connect(): Promise<Socket> {
    const server = this.#anyServer();
    await this.#ask(server);
    this.#overheard.add(server);
    return await server.connect();
  }
}
