// A proxy in front of a server: what it answers can be held back, told otherwise, or broken off.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

export class Between {
  readonly #server: Server;
  readonly #target: URL;
  readonly #handlers = new Map<string, Handler>();
  readonly #released = Promise.withResolvers<void>();
  #heldPath = "";
  readonly #held = Promise.withResolvers<void>();

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
  }

  static async start(target: string): Promise<Between> {
    const between = new Between(target);
    await new Promise<void>((resolve) => between.#server.listen(0, "127.0.0.1", resolve));
    return between;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next answer of this path is kept from its first byte on; resolves when there is one. */
  async hold(path: string): Promise<void> {
    this.#heldPath = path;
    await this.#held.promise;
  }

  release(): void {
    this.#released.resolve();
  }

  /** What is asked for this path does not get to the server from here on. */
  answer(path: string, handler: Handler): void {
    this.#handlers.set(path, handler);
  }

  /** It does again. */
  pass(path: string): void {
    this.#handlers.delete(path);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const [path = ""] = (incoming.url ?? "").split("?");
    const handler = this.#handlers.get(path);
    if (handler !== undefined) {
      handler(incoming, outgoing);
      return;
    }
    const { hostname, port } = this.#target;
    const { method, url, headers } = incoming;
    const asked = request({ hostname, port, method, path: url, headers }, (answer) => {
      const send = () => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      };
      if (path !== this.#heldPath) return send();
      this.#held.resolve();
      void this.#released.promise.then(send);
    });
    asked.on("error", () => outgoing.destroy());
    outgoing.on("close", () => asked.destroy());
    incoming.pipe(asked);
  }
}
