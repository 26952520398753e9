// Bodies of a client whose turn of the event loop is over, by a clock that only work moves on.

import { EventEmitter } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test, vi } from "vitest";
import { beginInTurn, goOnInTurn } from "../../src/routes/http/begin-in-turn.ts";
import { BodiesInFlight } from "../../src/routes/http/bodies-in-flight.ts";
import { Proxies } from "../../src/routes/http/client-address.ts";
import { ClientTurns } from "../../src/routes/http/client-turns.ts";
import { GrowingBytes } from "../../src/routes/http/growing-bytes.ts";
import { readBodiesWhole } from "../../src/routes/http/whole-bodies.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const address = "127.0.0.1";

class Body extends EventEmitter {
  readonly httpVersionMajor = 1;
  readonly complete = false;
  readonly rawHeaders = [];
  readonly socket = Object.assign(new EventEmitter(), {
    remoteAddress: address,
    pause: vi.fn(),
    resume: vi.fn(),
  });
}

/** A server whose bodies are read, and what spends a turn of their client. */
function reading({ receiveMs = 0 } = {}) {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const server = new EventEmitter().on("request", () => {});
  server.on("clientError", () => {});
  beginInTurn(server as Server, new ClientTurns(), new Proxies([]));
  const inFlight = new BodiesInFlight({ bodiesBytesMax: 100_000 });
  let parse: (request: unknown, body: Body, done: (error: Error | null, whole?: Buffer) => void) => void;
  const app = {
    removeAllContentTypeParsers() {},
    addContentTypeParser: (_: string, how: typeof parse) => (parse = how),
  };
  const received: number[] = [];
  class Slices extends GrowingBytes {
    override add(piece: Uint8Array): void {
      nowMs += receiveMs;
      received.push(piece.length);
      super.add(piece);
    }
  }
  readBodiesWhole(app as unknown as FastifyInstance, inFlight, (_, bytesMax) => new Slices(bytesMax));
  const begin = () => {
    const body = new Body();
    const done = vi.fn<(error: Error | null, whole?: Buffer) => void>();
    server.emit("request", body, {});
    const routeOptions = { bodyLimit: 50_000, config: {} };
    parse(
      { raw: body, headers: {}, routeOptions, ip: address, caller: null, socket: body.socket },
      body,
      done,
    );
    return { body, done };
  };
  const spendTurn = ({ body }: { readonly body: Body }) =>
    goOnInTurn(body as unknown as IncomingMessage, () => {
      nowMs += 2;
    });
  return { inFlight, begin, spendTurn, received };
}

test("a body whose client's turn is over waits for the next, held, counted and in its order", async () => {
  const { inFlight, begin, spendTurn } = reading();
  const one = begin();
  spendTurn(one);
  one.body.emit("data", Buffer.from("0123456789".repeat(900)));
  for (let index = 0; index < 1000; index += 1) one.body.emit("data", Buffer.from(String(index % 10)));
  for (const event of ["end", "close"]) one.body.emit(event);
  expect(inFlight.stats()).toMatchObject({ bodies: 1, bytes: 10_000 });
  expect(one.body.socket.pause).toHaveBeenCalledOnce();
  expect(one.done).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(one.done).toHaveBeenCalledOnce());
  expect(one.done).toHaveBeenCalledWith(null, Buffer.from("0123456789".repeat(1000)));
  expect(one.body.socket.resume).toHaveBeenCalledOnce();
  expect(inFlight.stats()).toMatchObject({ bodies: 0, bytes: 0 });
});

test("of a long piece so much is received as there is time for, and the rest in turns to come", async () => {
  const { inFlight, begin, received } = reading({ receiveMs: 0.6 });
  const one = begin();
  one.body.emit("data", Buffer.alloc(45_000, "a"));
  one.body.emit("data", Buffer.alloc(5000, "b"));
  for (const event of ["end", "close"]) one.body.emit(event);
  expect(received).toEqual([16_384, 16_384]);
  expect(inFlight.stats()).toMatchObject({ bodies: 1, bytes: 50_000 });
  expect(one.body.socket.pause).toHaveBeenCalledOnce();
  await vi.waitFor(() => expect(one.done).toHaveBeenCalledOnce());
  expect(received).toEqual([16_384, 16_384, 16_384, 848]);
  expect(one.done).toHaveBeenCalledWith(
    null,
    Buffer.concat([Buffer.alloc(45_000, "a"), Buffer.alloc(5000, "b")]),
  );
  expect(one.body.socket.resume).toHaveBeenCalledOnce();
  expect(inFlight.stats()).toMatchObject({ bodies: 0, bytes: 0 });
});

test("of a body that is refused in the middle of a piece nothing more is received, and the connection goes on", async () => {
  const { begin, received } = reading({ receiveMs: 0.6 });
  const one = begin();
  one.body.emit("data", Buffer.alloc(64_000));
  await vi.waitFor(() => expect(one.done).toHaveBeenCalledOnce());
  expect(one.done.mock.calls[0]?.[0]).toMatchObject({ code: "too_large" });
  expect(received.length).toBe(3);
  await vi.waitFor(() => expect(one.body.socket.resume).toHaveBeenCalledOnce());
});

test("a body that is refused for what waits of it lets its connection go on", async () => {
  const { inFlight, begin } = reading({ receiveMs: 0.6 });
  inFlight.begin(() => {}).holds(52_000);
  const one = begin();
  one.body.emit("data", Buffer.alloc(48_000));
  expect(one.body.socket.pause).toHaveBeenCalledOnce();
  one.body.emit("data", Buffer.alloc(1000));
  expect(one.done).not.toHaveBeenCalled();
  one.body.emit("data", Buffer.alloc(60_000));
  expect(one.done.mock.calls[0]?.[0]).toMatchObject({ code: "throttled" });
  await vi.waitFor(() => expect(one.body.socket.resume).toHaveBeenCalledOnce());
});

test("a short body is received in the turn that it came in, and then its end", () => {
  const { begin, spendTurn } = reading();
  const one = begin();
  spendTurn(one);
  one.body.emit("data", Buffer.from("short"));
  one.body.emit("end");
  expect(one.done).toHaveBeenCalledWith(null, Buffer.from("short"));
  expect(one.body.socket.pause).not.toHaveBeenCalled();
});

test("a body of many short pieces is not a short one", async () => {
  const { begin, spendTurn } = reading();
  const one = begin();
  spendTurn(one);
  for (const length of [4000, 4000, 4000]) one.body.emit("data", Buffer.alloc(length));
  expect(one.body.socket.pause).toHaveBeenCalledOnce();
  one.body.emit("end");
  await vi.waitFor(() => expect(one.done).toHaveBeenCalledWith(null, Buffer.alloc(12_000)));
});

test("what waits has its room among all bodies, and is refused where there is none", () => {
  const { inFlight, begin, spendTurn } = reading();
  const bodies = [begin(), begin(), begin()];
  for (const one of bodies) {
    spendTurn(one);
    one.body.emit("data", Buffer.alloc(40_000));
  }
  expect(inFlight.stats().refusedTotal).toBe(1);
  expect(bodies.flatMap(({ done }) => done.mock.calls)).toEqual([
    [expect.objectContaining({ code: "throttled" }), undefined],
  ]);
});

test("a body that breaks off is noted in its client's turn, and takes no room meanwhile", async () => {
  const { inFlight, begin, spendTurn } = reading();
  const one = begin();
  one.body.emit("data", Buffer.from("half"));
  spendTurn(one);
  expect(inFlight.stats().bytes).toBe(4);
  one.body.emit("close");
  expect(inFlight.stats().bytes).toBe(0);
  expect(one.done).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(one.done).toHaveBeenCalledOnce());
  expect(one.done.mock.calls[0]?.[0]).toMatchObject({ code: "bad_request" });
});
