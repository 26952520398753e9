// A proxy before a server that does not pass on what it is told to: for faults that a judge has to find.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Asked {
  readonly method: string;
  readonly url: string;
  /** To be changed. */
  readonly headers: IncomingHttpHeaders;
}

/** Changes what goes on, or answers it: then it does not go on. */
export type Lie = (asked: Asked, answer: ServerResponse) => void;

export class LyingProxy {
  readonly #server: Server;

  private constructor(target: string, lie: Lie) {
    this.#server = createServer((asked, answer) => {
      const { method = "GET", url = "/", headers } = asked;
      lie({ method, url, headers }, answer);
      if (answer.writableEnded) return void asked.resume();
      const onward = request(`${target}${url}`, { method, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        answer.flushHeaders();
        response.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      answer.on("close", () => onward.destroy());
      asked.pipe(onward);
    });
  }

  static async start(target: string, lie: Lie): Promise<LyingProxy> {
    const proxy = new LyingProxy(target, lie);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
