// Clients that use HTTP/2 against the service: floods of frames that cost their sender nothing, heads that never end or are
// small on the wire and large in memory. Meanwhile others are served, and their sessions live.

import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { expect } from "vitest";
import {
  connectFrames,
  endHeaders,
  endStream,
  field,
  frame,
  framesIn,
  frameTypes,
  lastField,
  requestHead,
} from "../support/http2-frames.ts";
import { test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

const whole = endStream | endHeaders;
const target = requestHead("GET", "/v1/znodes");

/** The frames of one round, which the client sends again and again, each with the number of its stream. */
interface Flood {
  readonly round: (index: number) => Buffer;
  /** Whether it takes what it is sent. */
  readonly reads: boolean;
}

function flood(round: Flood["round"], reads = true): Flood {
  return { round, reads };
}

/** The first frame opens a stream, all others are the same. */
function after(first: Buffer, others: (index: number) => Buffer): Flood {
  return flood((index) => (index === 0 ? first : others(index)));
}

const { headers, rstStream, settings, ping, windowUpdate, continuation, data, priority, unknown } =
  frameTypes;
const openHead = frame(headers, endStream, 1, target);
const idOf = (index: number) => 2 * index + 1;

const floods: Record<string, Flood> = {
  "requests that are taken back": flood((index) =>
    Buffer.concat([
      frame(headers, whole, idOf(index), target),
      frame(rstStream, 0, idOf(index), [0, 0, 0, 8]),
    ]),
  ),
  "requests that make the server take them back": flood((index) =>
    Buffer.concat([
      frame(headers, whole, idOf(index), target),
      frame(windowUpdate, 0, idOf(index), [0, 0, 0, 0]),
    ]),
  ),
  settings: flood(() => frame(settings, 0, 0)),
  "settings, and reads no acknowledgement": flood(() => frame(settings, 0, 0), false),
  pings: flood(() => frame(ping, 0, 0, Buffer.alloc(8))),
  "pings, and reads no answer": flood(() => frame(ping, 0, 0, Buffer.alloc(8)), false),
  "headers without end": after(openHead, (index) => frame(continuation, 0, 1, field(`x${index}`, "y"))),
  "nothing instead of headers": after(openHead, () => frame(continuation, 0, 1)),
  "nothing instead of a body": after(
    frame(headers, endHeaders, 1, requestHead("POST", "/v1/znodes/bodiless")),
    () => frame(data, 0, 1),
  ),
  priorities: flood((index) => frame(priority, 0, idOf(index), [0, 0, 0, 0, 16])),
  "frames of no known type": flood(() => frame(unknown, 0, 0, Buffer.alloc(100))),
};

const roundsMax = 200_000;
const roundsAtOnce = 200;
const endedWithinMs = 10_000;
const sessionTimeoutMs = 2000;

/** Sends until the server closes the connection. @param client its address @returns whether it did */
async function isEnded(url: string, client: string, { round, reads }: Flood): Promise<boolean> {
  const socket = await connectFrames(url, client);
  if (reads) socket.resume();
  const over = Promise.withResolvers<void>();
  socket.once("close", over.resolve);
  const timeUp = setTimeout(over.resolve, endedWithinMs);
  const rounds = Array.from({ length: roundsAtOnce });
  for (let sent = 0; sent < roundsMax && !socket.destroyed; sent += roundsAtOnce) {
    const frames = Buffer.concat(rounds.map((_, index) => round(sent + index)));
    if (!socket.write(frames)) await Promise.race([drained(socket), over.promise]);
  }
  await over.promise;
  clearTimeout(timeUp);
  const isClosed = socket.closed;
  socket.destroy();
  return isClosed;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("drain", resolve));
}

/** Somebody else: a session that lives by what is asked for it, one request after the other. */
class Bystander {
  readonly #client: ClientHttp2Session;
  readonly #headers: OutgoingHttpHeaders;
  /** Statuses of its answers, and the longest time that one took. */
  readonly statuses = new Set<unknown>();
  slowestMs = 0;

  private constructor(client: ClientHttp2Session, token: string) {
    this.#client = client;
    this.#headers = { ":path": "/v1/znodes", "session-token": token };
  }

  static async open(url: string): Promise<Bystander> {
    const client = connectHttp2(url, { ca });
    const opening = client.request({ ":path": "/v1/sessions", ":method": "POST" }).setEncoding("utf8");
    opening.end(JSON.stringify({ timeoutMs: sessionTimeoutMs }));
    const { token } = JSON.parse((await opening.toArray()).join("")) as { token: string };
    return new Bystander(client, token);
  }

  /** Asks until that is done, and at least once. */
  async askWhile<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    do await this.#ask();
    while (!isDone);
    return await done;
  }

  async #ask(): Promise<void> {
    const askedMs = performance.now();
    const stream = this.#client.request(this.#headers).resume();
    const [answer] = await once(stream, "response");
    this.statuses.add(answer[":status"]);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - askedMs);
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Its session, which every request renews, would have ended. */
function expectUnharmed({ statuses, slowestMs }: Bystander): void {
  expect([...statuses]).toEqual([200]);
  expect(slowestMs).toBeLessThan(sessionTimeoutMs);
}

test("floods of frames end their connection, and others are served meanwhile", async ({ start }) => {
  const { url } = await start(...tlsSettings);
  const bystander = await Bystander.open(url);
  for (const [index, [name, each]] of Object.entries(floods).entries()) {
    // Each by a client of its own: who took back too many streams connects again later.
    const client = `127.0.0.${10 + index}`;
    expect([name, await bystander.askWhile(isEnded(url, client, each))]).toEqual([name, true]);
  }
  expectUnharmed(bystander);
  bystander.close();
});

test("a head that is small on the wire and large in memory is refused before it is a request", async ({
  start,
}) => {
  const { url } = await start(...tlsSettings);
  const bystander = await Bystander.open(url);
  const socket = await connectFrames(url);
  const parts: Buffer[] = [];
  const count = 200;
  const refusals = () => framesIn(Buffer.concat(parts)).filter(({ type }) => type === frameTypes.rstStream);
  const refused = Promise.withResolvers<void>();
  socket.on("data", (part) => {
    parts.push(part);
    if (refusals().length === count) refused.resolve();
  });
  // 16 kB each, which stand for 48 MB.
  const bomb = Buffer.concat([
    requestHead("POST", "/v1/znodes/bomb"),
    field("x-bomb", "y".repeat(4000), true),
    lastField(12_000),
  ]);
  for (let index = 0; index < count; index += 1) socket.write(frame(headers, whole, idOf(index), bomb));
  await bystander.askWhile(refused.promise);
  const enhanceYourCalm = 11;
  const codes = new Set(refusals().map(({ payload }) => payload.readUInt32BE(0)));
  expect([...codes]).toEqual([enhanceYourCalm]);
  expectUnharmed(bystander);
  // No request came of it; the session that was opened is the one transaction there is.
  const client = connectHttp2(url, { ca });
  const [answer] = await once(client.request({ ":path": "/v1/znodes/bomb" }).resume(), "response");
  expect([answer[":status"], answer.zxid]).toEqual([404, "1"]);
  client.destroy();
  socket.destroy();
  bystander.close();
});
