// An import may take longer than any other request, as long as its lines keep coming; one that falls silent is told so.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

/** So many beats of a watch's heart, 100 ms apart, are longer than a request may take, and two much shorter. */
const requestTimeoutMs = 2000;
const beats = 22;

function chunk(path: string): string {
  const line = `${JSON.stringify({ path })}\n`;
  return `${line.length.toString(16)}\r\n${line}\r\n`;
}

test("lines that keep coming are taken however long it takes, and silence ends them with 408", async ({
  start,
}) => {
  const server = await start("--request-timeout-ms", String(requestTimeoutMs));
  const http = new Http(server.url);
  const clock = await http.stream("/v1/watch", { query: "path=/beats&heartbeatMs=100" });
  const head =
    "POST /v1/import HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const [busy, silent] = await Promise.all([http.connect(), http.connect()]);
  const refusal = silent.setEncoding("utf8").toArray();
  silent.write(`${head}${chunk("/silent")}`);
  const answer = busy.setEncoding("utf8").toArray();
  busy.write(head);
  for (let beat = 1; beat <= beats; beat += 1) {
    await clock.until(() => clock.comments >= beat);
    busy.write(chunk(`/line-${beat}`));
  }
  busy.write("0\r\n\r\n");
  expect((await answer).join("")).toContain(`"created":${beats}`);
  expect((await refusal).join("")).toMatch(/^HTTP\/1\.1 408 .*"line":2/s);
  expect((await http.get("/v1/children")).json()).toMatchObject({ stat: { numChildren: beats } });
  clock.close();
});
