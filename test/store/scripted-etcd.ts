// Somebody in etcd's place, who answers as a test says, byte for byte.

import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { serviceNamed } from "../../src/store/etcd/messages.ts";

/** A request that came, with what it is answered by. */
export class Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.stream = stream;
    this.headers = headers;
    this.path = String(headers[":path"]);
    // Whoever asked may have gone.
    stream.on("error", () => {});
    stream.resume();
  }

  /** Begins an answer that trailers end. */
  begin(): this {
    const headers = { ":status": 200, "content-type": "application/grpc" };
    this.stream.respond(headers, { waitForTrailers: true });
    this.stream.on("wantTrailers", () => this.stream.sendTrailers({ "grpc-status": "0" }));
    return this;
  }

  send(bytes: Uint8Array): this {
    this.stream.write(bytes);
    return this;
  }

  /** All of an answer. */
  reply(...messages: readonly Uint8Array[]): void {
    this.begin().send(Buffer.concat(messages)).stream.end();
  }

  /** Trailers-only. */
  refuse(code: number, message: string): void {
    this.stream.respond(
      {
        ...{ ":status": 200, "content-type": "application/grpc" },
        ...{ "grpc-status": String(code), "grpc-message": encodeURIComponent(message) },
      },
      { endStream: true },
    );
  }
}

export class ScriptedEtcd {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Http2Server) {
    this.#server = server;
    server.on("session", (session) => this.#sessions.add(session));
  }

  static async start(onAsked: (asked: Asked) => void): Promise<ScriptedEtcd> {
    const server = createServer();
    const scripted = new ScriptedEtcd(server);
    server.on("stream", (stream, headers) => onAsked(new Asked(stream, headers)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return scripted;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** @param method by its service, such as `KV.range` */
export function encoded(method: string, answer: object): Uint8Array {
  const [service = "", name = ""] = method.split(".");
  const { output } = serviceNamed(service).method[name] as DescMethod;
  return prefixed(toBinary(output, create(output, { ...answer })));
}

export function prefixed(message: Uint8Array, { flag = 0, length = message.byteLength } = {}): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}
