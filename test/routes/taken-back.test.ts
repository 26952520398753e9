// Requests of HTTP/2 that are taken back with what they came with: they never were, whatever is said for the reason.

import { connect as connectHttp2 } from "node:http2";
import { expect } from "vitest";
import {
  connectFrames,
  endHeaders,
  endStream,
  frame,
  framesIn,
  frameTypes,
  requestHead,
} from "../support/http2-frames.ts";
import { test } from "../support/process.ts";
import { ca, tlsSettings } from "../support/tls-pair.ts";

const reasons = { none: 0, internalError: 2, cancel: 8 };
const whole = endStream | endHeaders;

function post(stream: number, path: string, flags = whole): Buffer {
  return frame(frameTypes.headers, flags, stream, requestHead("POST", `/v1/znodes/${path}`));
}

function body(stream: number, text: string): Buffer {
  return frame(frameTypes.data, endStream, stream, Buffer.from(text));
}

function takeBack(stream: number, reason: number): Buffer {
  return frame(frameTypes.rstStream, 0, stream, [0, 0, 0, reason]);
}

test("what is taken back with what it came with is not done, and what came between is", async ({ start }) => {
  const { url } = await start(...tlsSettings);
  const socket = await connectFrames(url);
  const parts: Buffer[] = [];
  const frames = () => framesIn(Buffer.concat(parts));
  const answered = Promise.withResolvers<void>();
  socket.on("data", (part) => {
    parts.push(part);
    if (frames().filter(({ type }) => type === frameTypes.headers).length === 4) answered.resolve();
  });
  socket.write(
    Buffer.concat([
      ...[post(1, "none"), takeBack(1, reasons.none)],
      ...[post(3, "cancel"), post(5, "kept"), takeBack(3, reasons.cancel)],
      ...[post(7, "internal"), takeBack(7, reasons.internalError)],
      // Of one with a body, which has not come.
      ...[post(9, "bodied", endHeaders), takeBack(9, reasons.cancel)],
      ...[post(11, "written", endHeaders), body(11, "text"), post(13, "empty", endHeaders), body(13, "")],
      post(15, "last"),
    ]),
  );
  await answered.promise;
  const client = connectHttp2(url, { ca });
  const list = client.request({ ":path": "/v1/children" }).setEncoding("utf8");
  const { children } = JSON.parse((await list.toArray()).join(""));
  expect(children).toEqual(["empty", "kept", "last", "written"]);
  client.destroy();
  socket.destroy();
});
