// Bodies in small pieces: what they cost follows from their bytes, and they are read as they were sent.

import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, vi } from "vitest";
import { BodiesInFlight } from "../../src/routes/http/bodies-in-flight.ts";
import { GrowingBytes } from "../../src/routes/http/growing-bytes.ts";
import type { BodyRefused } from "../../src/routes/http/refused-body.ts";
import { linesOf } from "../../src/routes/wire/body-lines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Http } from "../support/http.ts";
import { test as processTest } from "../support/process.ts";
import { test } from "./server-fixture.ts";

const limits = {
  transactionBytesMax: 1_000_000,
  requestTimeoutMs: 30_000,
  bodiesBytesMax: 10_000_000,
  jsonValuesMax: 50_000,
  jsonDepthMax: 32,
};

/** A body that comes as the test writes it, as a request of HTTP/2 has it. */
class ScriptedBody extends PassThrough {
  readonly httpVersionMajor = 2;
}

function linesFrom(body: ScriptedBody, clock = new FakeClock()): AsyncGenerator<string> {
  return linesOf(body as never, { clock, bodies: new BodiesInFlight(limits), limits });
}

async function collected(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

function inChunksOfOne(text: string): string {
  return `${Array.from(text, (character) => `1\r\n${character}\r\n`).join("")}0\r\n\r\n`;
}

function send(http: Http, head: string, text: string) {
  return http.raw(
    `${head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${inChunksOfOne(text)}`,
  );
}

test("bytes that come one by one are moved a few times each, and come out as they went in", () => {
  const allocate = vi.spyOn(Buffer, "allocUnsafe");
  const bytes = new GrowingBytes(1_000_000);
  const piece = Buffer.alloc(1);
  for (let index = 0; index < 1_000_000; index += 1) {
    piece[0] = index % 251;
    bytes.add(piece);
  }
  expect(allocate.mock.calls.length).toBeLessThan(15);
  allocate.mockRestore();
  const taken = bytes.take();
  expect([taken.length, bytes.length]).toEqual([1_000_000, 0]);
  expect(taken.every((byte, index) => byte === index % 251)).toBe(true);
});

test("a body in chunks of one byte is read as it was sent: data, JSON and lines, taken or not", async ({
  http,
}) => {
  const data = "0123456789".repeat(300);
  expect((await send(http, "PUT /v1/znodes/a?upsert=true", data)).status).toBe(201);
  expect((await http.get("/v1/znodes/a")).json().data).toBe(data);
  const operations = [{ op: "create", path: "/b", data }];
  expect((await send(http, "POST /v1/transactions", JSON.stringify({ operations }))).status).toBe(200);
  const lines = ["/c", "/d"].map((path) => `${JSON.stringify({ path, data })}\r\n`).join("");
  expect(JSON.parse((await send(http, "POST /v1/import", lines)).body)).toMatchObject({
    lines: 2,
    created: 2,
  });
  expect((await http.get("/v1/znodes/d")).json().data).toBe(data);
  expect((await send(http, "DELETE /v1/znodes/d", data)).status).toBe(204);
  expect((await send(http, "GET /v1/znodes/a", data)).status).toBe(200);
  expect((await send(http, "POST /livez", data)).status).toBe(405);
});

test("lines are found wherever the pieces end, and what is no text is refused", async () => {
  const text = `{"a":"é"}\r\n\n\n€\n${"long ".repeat(4000)}\nlast`;
  const expected = ['{"a":"é"}', "", "", "€", "long ".repeat(4000), "last"];
  for (const size of [1, 2, 3, 7, 65_536, 1_000_000]) {
    const body = new ScriptedBody();
    const lines = collected(linesFrom(body));
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) body.write(bytes.subarray(at, at + size));
    body.end();
    expect(await lines, `${size}`).toEqual(expected);
  }
  const body = new ScriptedBody();
  body.end(Buffer.from([0xff, 0x0a]));
  await expect(linesFrom(body).next()).rejects.toMatchObject({ code: "bad_request" });
});

test("lines may come for ever, each within its time; one that only drips is given up", async () => {
  const clock = new FakeClock();
  const body = new ScriptedBody();
  const lines = linesFrom(body, clock);
  for (let count = 0; count < 5; count += 1) {
    const line = lines.next();
    await clock.advance(20_000);
    body.write("whole\n");
    expect(await line).toEqual({ done: false, value: "whole" });
    // What the service takes for itself is not the sender's time.
    await clock.advance(100_000);
  }
  const line = lines.next().catch((error: BodyRefused) => error);
  for (let count = 0; count < 4; count += 1) {
    body.write("d");
    await clock.advance(10_000);
  }
  expect(await line).toMatchObject({
    code: "bad_request",
    statusCode: 408,
    details: { limit: "requestTimeoutMs" },
  });
});

test("an import that drips gets 408 with its line, and blank lines are no progress", async ({
  http,
  keeper,
}) => {
  const socket = await http.connect();
  let answer = "";
  socket.setEncoding("utf8").on("data", (text) => {
    answer += text;
  });
  socket.write("POST /v1/import HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const line = JSON.stringify({ path: "/a" });
  socket.write(`${(line.length + 1).toString(16)}\r\n${line}\n\r\n`);
  while (answer === "") {
    socket.write("1\r\n\n\r\n");
    await keeper.clock.advance(1000);
  }
  if (!socket.closed) await once(socket, "close");
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*"limit":"requestTimeoutMs".*"line":\d/s);
});

const accepts = ["application/json", "application/x-ndjson", "text/event-stream"];

processTest(
  "a line that is too long is refused by its number and limit, whatever is asked for as answer",
  async ({ start }) => {
    const { url } = await start("--transaction-bytes-max", "1024");
    const send = (body: string, accept: string) =>
      fetch(`${url}/v1/import?onConflict=skip`, { method: "POST", body, headers: { accept } });
    const refusal = { code: "too_large", limit: "transactionBytesMax", limitValue: 1024 };
    const long = "x".repeat(1_000_000);
    for (const accept of accepts) {
      const answer = await send(`{"path":"/a"}\n\n${long}`, accept);
      expect([accept, answer.status]).toEqual([accept, 413]);
      expect(await answer.json()).toMatchObject({ ...refusal, line: 3, imported: { created: 0 } });
    }
    // Where a part was done, the status is sent: the refusal is the last of the answer, and the connection ends.
    const part = Array.from({ length: 500 }, (_, index) => `{"path":"/n${index}"}\n`).join("");
    const answer = await send(part + long, "application/x-ndjson");
    const events = (await answer.text()).trim().split("\n");
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
    expect(events.map((event) => JSON.parse(event))).toMatchObject([
      { event: "progress", created: 500 },
      { event: "failed", ...refusal, line: 501, imported: { created: 500 } },
    ]);
  },
);

test("a chunk whose extensions have no end is 413 and names the limit", async ({ http }) => {
  const head = "PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  const { status, body } = await http.raw(`${head}1;${"x".repeat(20_000)}`);
  expect([status, JSON.parse(body)]).toMatchObject([
    413,
    { code: "too_large", limit: "chunkExtensionBytesMax" },
  ]);
});

processTest(
  "bodies that never end have room in all: the largest goes, small ones are let through",
  async ({ start }) => {
    const sizes = [
      "--data-bytes-max",
      "700KiB",
      "--transaction-bytes-max",
      "700KiB",
      "--bodies-bytes-max",
      "1MiB",
    ];
    const { url } = await start(...sizes);
    const http = new Http(url);
    const head = "PUT /v1/znodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 716800\r\n\r\n";
    const [large, small] = await Promise.all([http.connect(), http.connect()]);
    const refused = large.setEncoding("utf8").toArray();
    large.write(head + "x".repeat(700_000));
    small.write(head + "x".repeat(400_000));
    expect((await refused).join("")).toMatch(/^HTTP\/1\.1 429 .*"limit":"bodiesBytesMax"/s);
    expect((await http.put("/v1/znodes", { body: "small" })).status).toBe(200);
    small.destroy();
  },
);
