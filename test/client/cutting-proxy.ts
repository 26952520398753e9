// A TCP proxy in front of a server, which cuts connections when a test says so: at once, or in the middle of
// whatever passes. Or it swallows everything, as a broken network does. Its own address stays the same when the server
// behind it is another one.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CuttingProxy {
  /** Times it has cut connections that were there. */
  cutCount = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #targetPort = 0;
  #bytesLeft = Number.POSITIVE_INFINITY;
  #isDark = false;

  private constructor() {
    this.#server = createServer((client) => this.#join(client, connect(this.#targetPort, "127.0.0.1")));
  }

  static async start(targetUrl: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy();
    proxy.leadTo(targetUrl);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(targetUrl: string): void {
    this.#targetPort = Number(new URL(targetUrl).port);
  }

  /** Cuts every connection now. */
  cut(): void {
    this.#bytesLeft = Number.POSITIVE_INFINITY;
    if (this.#sockets.size > 0) this.cutCount += 1;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets so many bytes through to the clients, and cuts every connection after the last. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** From here on nothing passes, in either direction, and nobody is told. */
  goDark(): void {
    this.#isDark = true;
  }

  /** Everything passes again. What was swallowed is lost, and what it was part of is cut. */
  goLight(): void {
    this.#isDark = false;
    this.cut();
  }

  #join(client: Socket, server: Socket): void {
    client.on("data", (part) => {
      if (!this.#isDark) server.write(part);
    });
    server.on("data", (part) => {
      if (this.#isDark) return;
      client.write(part.subarray(0, this.#bytesLeft), () => {
        if (this.#bytesLeft === 0) this.cut();
      });
      this.#bytesLeft = Math.max(0, this.#bytesLeft - part.byteLength);
    });
    this.#tie(client, server);
    this.#tie(server, client);
  }

  #tie(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }
}
