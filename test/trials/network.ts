// The network between one contender and the server. It can swallow what passes, in either direction, and tell nobody;
// or hold it back, and deliver it when all has changed; or cut connections. The server behind it may become another.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of bytes: they pass, they vanish, or they wait and arrive late. */
type Passage = "pass" | "swallow" | "holdBack";

export interface Passages {
  readonly toServer: Passage;
  readonly toClient: Passage;
}

const open: Passages = { toServer: "pass", toClient: "pass" };

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class Network {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target = "";
  #passages: Passages = open;

  private constructor(targetUrl: string) {
    this.leadTo(targetUrl);
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetUrl: string): Promise<Network> {
    const network = new Network(targetUrl);
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    return network;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What leads to another server now does not go on. */
  leadTo(targetUrl: string): void {
    if (targetUrl !== this.#target) this.cut();
    this.#target = targetUrl;
  }

  fail(passages: Passages): void {
    this.#passages = passages;
    for (const pair of this.#pairs) this.#regulate(pair);
  }

  /** What was held back arrives now. Where something vanished, the connection cannot go on. */
  heal(): void {
    const { toServer, toClient } = this.#passages;
    this.#passages = open;
    if (toServer === "swallow" || toClient === "swallow") this.cut();
    for (const pair of this.#pairs) this.#regulate(pair);
  }

  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  #join(client: Socket): void {
    const { hostname, port } = new URL(this.#target);
    const server = connect(Number(port), hostname);
    const pair = { client, server };
    this.#pairs.add(pair);
    client.on("data", (part) => {
      if (this.#passages.toServer === "pass") server.write(part);
    });
    server.on("data", (part) => {
      if (this.#passages.toClient === "pass") client.write(part);
    });
    this.#tie(pair, client, server);
    this.#tie(pair, server, client);
    this.#regulate(pair);
  }

  #regulate({ client, server }: Pair): void {
    const { toServer, toClient } = this.#passages;
    if (toServer === "holdBack") client.pause();
    else client.resume();
    if (toClient === "holdBack") server.pause();
    else server.resume();
  }

  #tie(pair: Pair, socket: Socket, other: Socket): void {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#pairs.delete(pair);
      other.destroy();
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }
}
