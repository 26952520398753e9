// A site with one page, at an origin of its own: what a console that is served elsewhere is to the service. It knows
// nothing of the service.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { codeBlocksOf, readDocument } from "../support/markdown.ts";

const pageFile = fileURLToPath(new URL("page.html", import.meta.url));

export class Site {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    const { port } = server.address() as AddressInfo;
    this.origin = `http://127.0.0.1:${port}`;
    this.#server = server;
  }

  static async start(): Promise<Site> {
    const contents = new Map([
      ["/", { type: "text/html", text: readFileSync(pageFile, "utf8") }],
      ["/example.js", { type: "text/javascript", text: exampleOf("docs/browser.md", "Follow a subtree") }],
    ]);
    const server = createServer((request, response) => {
      const content = contents.get(request.url ?? "");
      response.writeHead(content === undefined ? 404 : 200, {
        "Content-Type": content?.type ?? "text/plain",
      });
      response.end(content?.text ?? "");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export function exampleOf(document: string, under: string): string {
  const blocks = codeBlocksOf(readDocument(document));
  const examples = blocks.filter(({ language, heading }) => language === "js" && heading === under);
  if (examples.length !== 1)
    throw new Error(`${document} has ${examples.length} examples under ${under}, not one`);
  return examples[0]?.code as string;
}
