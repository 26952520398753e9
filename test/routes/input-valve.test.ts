// What holds back a client's input is held by several at once, each for reasons of its own.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { inputValveOf } from "../../src/routes/http/input-valve.ts";

function flowing(): Readable {
  return new Readable({ read() {} }).on("data", () => {});
}

function requestOf(httpVersionMajor: number): {
  readonly request: IncomingMessage;
  readonly input: Readable;
} {
  const [request, socket] = [flowing(), flowing()];
  Object.assign(request, { httpVersionMajor, socket });
  return { request: request as IncomingMessage, input: httpVersionMajor > 1 ? request : socket };
}

test.for([1, 2])(
  "over HTTP/%i input flows again when all who held it have let it go, and not before",
  async (version) => {
    const { request, input } = requestOf(version);
    const [first, second] = [inputValveOf(request).hold(), inputValveOf(request).hold()];
    expect(input.isPaused()).toBe(true);
    first();
    input.resume();
    await setImmediate();
    expect(input.isPaused()).toBe(true);
    second();
    await setImmediate();
    expect(input.isPaused()).toBe(false);
  },
);

test.for([1, 2])(
  "over HTTP/%i input that is held again before it has resumed is told so behind its resuming",
  async (version) => {
    const { request, input } = requestOf(version);
    const told: string[] = [];
    for (const event of ["pause", "resume"]) input.on(event, () => told.push(event));
    inputValveOf(request).hold()();
    inputValveOf(request).hold();
    await setImmediate();
    expect([input.isPaused(), told.at(-1)]).toEqual([true, "pause"]);
  },
);
