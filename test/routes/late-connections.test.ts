// Who takes back more streams of HTTP/2 than it may: its session ends, and its next connections begin when it may again.

import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { expect } from "vitest";
import { fixedLimits } from "../../src/routes/http/fixed-limits.ts";
import {
  connectFrames,
  endHeaders,
  endStream,
  frame,
  framesIn,
  frameTypes,
  requestHead,
} from "../support/http2-frames.ts";
import { tlsPair } from "../support/tls-pair.ts";
import { serveFor, test } from "./server-fixture.ts";

const [hostile, other] = ["127.0.0.7", "127.0.0.8"];
const { streamResetsMax, streamResetsPerSecondMax } = fixedLimits;

const head = requestHead("GET", "/livez");
const cancel = [0, 0, 0, 8];

const idOf = (index: number) => 2 * index + 1;

/** Streams that are opened and taken back at once. */
function takenBack(count: number): Buffer {
  const ids = Array.from({ length: count }, (_, index) => idOf(index));
  return Buffer.concat(
    ids.flatMap((id) => [
      frame(frameTypes.headers, endStream | endHeaders, id, head),
      frame(frameTypes.rstStream, 0, id, cancel),
    ]),
  );
}

/** Ends with the session. */
async function takeBackTooMany(url: string): Promise<void> {
  const socket = await connectFrames(url, hostile);
  socket.resume().write(takenBack(streamResetsMax + 50));
  await once(socket, "close");
}

test("new connections of who took back too many streams wait until it may again, and nobody else's do", async ({
  keeper,
  watches,
}) => {
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair });
  const url = http.url.replace("http:", "https:");
  await takeBackTooMany(url);
  let begun: TLSSocket | undefined;
  const late = connectFrames(url, hostile).then((socket) => {
    begun = socket;
  });
  // The system gives them to the server in their order.
  for (let index = 0; index < 3; index += 1) (await connectFrames(url, other)).destroy();
  expect(begun).toBeUndefined();
  await keeper.clock.advance((100 / streamResetsPerSecondMax) * 1000);
  await late;
  begun?.destroy();
  await close();
});

test("connections that wait begin one after the other, as more may be taken back", async ({
  keeper,
  watches,
}) => {
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair });
  const url = http.url.replace("http:", "https:");
  await takeBackTooMany(url);
  const begun: TLSSocket[] = [];
  const late = [1, 2].map(() => connectFrames(url, hostile).then((socket) => begun.push(socket)));
  (await connectFrames(url, other)).destroy();
  while (begun.length === 0) {
    await keeper.clock.advance(50);
    // The system gives them to the server in their order.
    for (let index = 0; index < 2; index += 1) (await connectFrames(url, other)).destroy();
  }
  expect(begun).toHaveLength(1);
  await keeper.clock.advance(2000);
  await Promise.all(late);
  for (const socket of begun) socket.destroy();
  await close();
});

test("who took back as many as it may connects again at once", async ({ keeper, watches }) => {
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair });
  const url = http.url.replace("http:", "https:");
  const socket = await connectFrames(url, hostile);
  const parts: Buffer[] = [];
  const answered = Promise.withResolvers<void>();
  socket.on("data", (part) => {
    parts.push(part);
    if (framesIn(Buffer.concat(parts)).some(({ type }) => type === frameTypes.headers)) answered.resolve();
  });
  const count = streamResetsMax - 1;
  socket.write(
    Buffer.concat([takenBack(count), frame(frameTypes.headers, endStream | endHeaders, idOf(count), head)]),
  );
  await answered.promise;
  (await connectFrames(url, hostile)).destroy();
  socket.destroy();
  await close();
});

test("a proxy that is believed connects again at once, whatever its clients took back", async ({
  keeper,
  watches,
}) => {
  const { http, close } = await serveFor(keeper, watches, { tls: tlsPair, trustedProxies: [hostile] });
  const url = http.url.replace("http:", "https:");
  await takeBackTooMany(url);
  (await connectFrames(url, hostile)).destroy();
  await close();
});
