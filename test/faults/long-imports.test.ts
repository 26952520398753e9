// An import may take as long as its lines keep coming; one that falls silent is ended, and what was done stays.

import { once } from "node:events";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const requestTimeoutMs = 300;
/** So many beats of a watch's heart, 100 ms apart, are several times what a request may take. */
const beats = 15;

function chunk(path: string): string {
  const line = `${JSON.stringify({ path })}\n`;
  return `${line.length.toString(16)}\r\n${line}\r\n`;
}

test("lines that keep coming are taken however long it takes, and silence ends them", async ({ start }) => {
  const server = await start("--request-timeout-ms", String(requestTimeoutMs), "--headers-timeout-ms", "200");
  const http = new Http(server.url);
  const clock = await http.stream("/v1/watch", { query: "path=/beats&heartbeatMs=100" });
  const head =
    "POST /v1/import HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const [busy, silent] = await Promise.all([http.connect(), http.connect()]);
  const silentEnd = once(silent.resume(), "close");
  silent.write(`${head}${chunk("/silent")}`);
  const answer = busy.setEncoding("utf8").toArray();
  busy.write(head);
  for (let beat = 1; beat <= beats; beat += 1) {
    await clock.until(() => clock.comments >= beat);
    busy.write(chunk(`/line-${beat}`));
  }
  busy.write("0\r\n\r\n");
  expect((await answer).join("")).toContain(`"created":${beats}`);
  await silentEnd;
  expect((await http.get("/v1/children")).json()).toMatchObject({ stat: { numChildren: beats } });
  clock.close();
});
