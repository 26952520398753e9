// A site that serves the client as a bundler would: its sources without their types, and the one package it needs.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectFolder } from "../support/markdown.ts";

const pageScript = fileURLToPath(new URL("./client-page.ts", import.meta.url));
const importMap = { imports: { "eventsource-parser": "/node_modules/eventsource-parser/dist/index.js" } };
const page = `<!doctype html><script type="importmap">${JSON.stringify(importMap)}</script>`;

const packageFile = /^\/node_modules\/eventsource-parser\/dist\/\w+\.js$/;
const sourceFile = /^\/src\/(client|core)\/(?:[\w-]+\/)*[\w-]+\.ts$/;

export class ClientSite {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
  }

  static async start(): Promise<ClientSite> {
    const server = createServer((request, response) => answer(request.url ?? "/", response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ClientSite(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function answer(path: string, response: ServerResponse): void {
  const content = contentAt(path);
  response.writeHead(content === null ? 404 : 200, { "Content-Type": content?.type ?? "text/plain" });
  response.end(content?.text ?? "");
}

function contentAt(path: string): { type: string; text: string } | null {
  if (path === "/") return { type: "text/html", text: page };
  if (packageFile.test(path)) return script(readFileSync(join(projectFolder, path), "utf8"));
  if (path === "/test/browser/client-page.ts") return script(withoutTypes(pageScript));
  return sourceFile.test(path) ? script(withoutTypes(join(projectFolder, path))) : null;
}

function script(text: string) {
  return { type: "text/javascript", text };
}

function withoutTypes(file: string): string {
  return stripTypeScriptTypes(readFileSync(file, "utf8"));
}
