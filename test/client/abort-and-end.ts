// A process with watches and trees that it aborts. It then says what still keeps it alive, and ends by itself if
// nothing does. Its argument is the URL of a server that begins every stream with `synced`.

import { Client } from "../../src/client/client.ts";

const [url = ""] = process.argv.slice(2);
const client = new Client({ endpoint: url });
const abort = new AbortController();

const streaming = client.watch({ paths: ["/a"] }, abort)[Symbol.asyncIterator]();
await streaming.next();
const pending = streaming.next();

const busy = client.watch({ paths: ["/a"] }, abort)[Symbol.asyncIterator]();
await busy.next();

const copy = client.tree("/a", abort);
await copy.ready;

const { promise: waiting, resolve } = Promise.withResolvers<Error>();
const nowhere = new Client({ endpoint: "http://127.0.0.1:1" });
const reconnecting = nowhere
  .watch({ paths: ["/a"] }, { signal: abort.signal, disconnected: resolve })
  [Symbol.asyncIterator]()
  .next();
await waiting;

abort.abort();
await Promise.allSettled([pending, reconnecting, copy.closed]);
const resources = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCP/.test(name));
// A socket that was destroyed is gone after the turn in which its close is told.
for (let turns = 0; turns < 3; turns += 1) await new Promise((turn) => setImmediate(turn));
process.stdout.write(JSON.stringify(resources()));
