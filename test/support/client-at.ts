// A client that asks from an address of its own: of this machine's loopback addresses any may be one.

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { showingBearer } from "./http.ts";
import { bearerOf, secretAt } from "./secret-of-admin.ts";

interface Asked {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Told {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export class ClientAt {
  readonly #url: URL;
  readonly #localAddress: string;
  /** What whoever asks shows where they are asked who they are, and a test does not say it. */
  readonly #secret: string | undefined;
  readonly #agent = new Agent({ keepAlive: false });

  constructor(url: string, localAddress: string) {
    this.#url = new URL(url);
    this.#localAddress = localAddress;
    this.#secret = secretAt(localAddress);
  }

  /** On a connection that ends with the answer. */
  async ask(method: string, path: string, asked: Asked = {}): Promise<Told> {
    const response = await this.open(method, path, asked);
    let text = "";
    for await (const part of response.setEncoding("utf8")) text += part;
    const { statusCode: status = 0, headers } = response;
    return { status, headers, text, json: () => JSON.parse(text) };
  }

  /** The answer as its head is there; who asked for a stream ends it with `destroy`. */
  async open(
    method: string,
    path: string,
    { body = "", headers = {} }: Asked = {},
  ): Promise<IncomingMessage> {
    const { hostname, port } = this.#url;
    const options = {
      host: hostname,
      port,
      method,
      path,
      headers: { ...bearerOf(this.#secret), ...headers },
      localAddress: this.#localAddress,
    };
    const asking = request({ ...options, agent: this.#agent });
    asking.end(body);
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    return response.on("error", () => {});
  }

  /** A connection on which nothing is said yet. */
  async connect(): Promise<Socket> {
    const { hostname: host, port } = this.#url;
    const socket = connect({ host, port: Number(port), localAddress: this.#localAddress });
    socket.on("error", () => {});
    await once(socket, "connect");
    return showingBearer(socket, this.#secret);
  }
}
