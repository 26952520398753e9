// What watching is measured against: a bare `node:http` server that keeps every response open and writes the bytes a
// watch would be sent to all of them when told to. It must store nothing and look nothing up.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const headers = {
  Zxid: "1",
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** As in a fresh service, in which one znode was created and then only set. */
let zxid = 1;
/** As long as the one that ids of the service carry. */
const epoch = "0".repeat(10);
const open = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.method === "PUT") shout(request, response);
  else keep(response);
});

function keep(response: ServerResponse): void {
  response.writeHead(200, headers);
  response.write("retry: 1734\n");
  response.write(`id: ${zxid}.${epoch}\nevent: synced\ndata: {"zxid":${zxid}}\n\n`);
  open.add(response);
  response.on("close", () => open.delete(response));
}

function shout(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    zxid += 1;
    const frame = Buffer.from(frameOf(request.url as string, Buffer.concat(chunks).toString()));
    for (const stream of open) stream.write(frame);
    response.writeHead(200, { "Content-Type": "application/json", Zxid: zxid });
    response.end("{}\n");
  });
}

function frameOf(url: string, data: string): string {
  const timeMs = Date.now();
  const stat = {
    czxid: 1,
    mzxid: zxid,
    pzxid: 1,
    ctimeMs: timeMs,
    mtimeMs: timeMs,
    version: zxid - 1,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: null,
    dataLength: data.length,
    numChildren: 0,
  };
  const events = [{ type: "changed", path: url.slice("/v1/znodes".length), data, stat }];
  return `id: ${zxid}.${epoch}\nevent: change\ndata: ${JSON.stringify({ zxid, timeMs, cause: "request", events })}\n\n`;
}

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ address: `http://127.0.0.1:${port}` })}\n`);
});
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
