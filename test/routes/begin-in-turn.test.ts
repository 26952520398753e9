// The order in which requests of one connection begin, by a clock that only work moves on.

import { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { beginInTurn, goOnInTurn } from "../../src/routes/http/begin-in-turn.ts";
import { Proxies } from "../../src/routes/http/client-address.ts";
import { ClientTurns } from "../../src/routes/http/client-turns.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A server that notes which requests begin, each of which takes a turn. */
function beginning() {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const begun: string[] = [];
  const work = (what: string) => () => {
    nowMs += 2;
    begun.push(what);
  };
  const server = new EventEmitter();
  server.on("request", ({ url }: IncomingMessage) => work(url as string)());
  server.on("clientError", ({ message }: Error) => work(message)());
  beginInTurn(server as Server, new ClientTurns(), new Proxies([]));
  const [pause, resume] = [vi.fn(), vi.fn()];
  const socket = Object.assign(new EventEmitter(), { remoteAddress: "127.0.0.1", pause, resume });
  const ask = (url: string, rawHeaders: readonly string[] = []) => {
    const request = { httpVersionMajor: 1, url, socket, rawHeaders } as unknown as IncomingMessage;
    const response = { destroyed: false } as ServerResponse;
    server.emit("request", request, response);
    return { request, response };
  };
  const spoil = (what: string, code?: string) =>
    server.emit("clientError", Object.assign(new Error(what), { code }), socket);
  return { server, begun, work, ask, spoil, pause, resume };
}

test("requests that wait for the turn of their client begin in their order", async () => {
  const { begun, ask } = beginning();
  for (const url of ["a", "b", "c"]) ask(url);
  expect(begun).toEqual(["a"]);
  await vi.waitFor(() => expect(begun).toEqual(["a", "b", "c"]));
});

test("a connection is held while more than one of its requests waits, and no longer", async () => {
  const { begun, ask, pause, resume } = beginning();
  for (const url of ["a", "b"]) ask(url);
  expect(pause).not.toHaveBeenCalled();
  ask("c");
  expect(pause).toHaveBeenCalledOnce();
  await vi.waitFor(() => expect(begun).toEqual(["a", "b", "c"]));
  expect(resume).toHaveBeenCalledOnce();
});

test("a connection whose heads take long to be read is held as soon as one waits", async () => {
  const { begun, ask, pause, resume } = beginning();
  ask("a");
  ask("b", Array(500).fill("x"));
  expect(pause).toHaveBeenCalledOnce();
  await vi.waitFor(() => expect(begun).toEqual(["a", "b"]));
  expect(resume).toHaveBeenCalledOnce();
});

test("what goes on may go on again, behind what waits already, and never within itself", async () => {
  const { begun, ask } = beginning();
  const { request } = ask("a");
  goOnInTurn(request, () => {
    expect(goOnInTurn(request, () => begun.push("again"))).toBe(false);
    begun.push("goes on");
  });
  goOnInTurn(request, () => begun.push("other"));
  await vi.waitFor(() => expect(begun).toEqual(["a", "goes on", "other", "again"]));
});

test("what had begun and waited for something else goes on before those behind it begin", async () => {
  const { begun, work, ask } = beginning();
  const { request } = ask("a");
  ask("b");
  for (const what of ["a goes on", "a ends"]) expect(goOnInTurn(request, work(what))).toBe(false);
  expect(begun).toEqual(["a"]);
  await vi.waitFor(() => expect(begun).toEqual(["a", "a goes on", "a ends", "b"]));
});

test("what cannot be read is refused behind what could, and once however often that is said", async () => {
  const { begun, ask, spoil } = beginning();
  for (const url of ["a", "b"]) ask(url);
  for (const what of ["no request", "no request either"]) spoil(what);
  expect(begun).toEqual(["a"]);
  await vi.waitFor(() => expect(begun).toEqual(["a", "b", "no request"]));
});

test("what cannot be read and is all that came is refused at once, in the turn of its client", () => {
  const { begun, ask, spoil } = beginning();
  spoil("no request");
  ask("a");
  expect(begun).toEqual(["no request"]);
});

test("of requests that are gone none begins", async () => {
  const { begun, ask } = beginning();
  ask("a");
  const { response } = ask("b");
  ask("c");
  Object.assign(response, { destroyed: true });
  await vi.waitFor(() => expect(begun).toEqual(["a", "c"]));
});

test("what is late is said so at once: it might be whole when it is its turn", () => {
  const { begun, ask, spoil } = beginning();
  ask("a");
  spoil("late", "ERR_HTTP_REQUEST_TIMEOUT");
  expect(begun).toEqual(["a", "late"]);
});

test("a stream of HTTP/2 that has forgotten its session goes on in the turn of its client", async () => {
  const { begun, work, server } = beginning();
  const session = Object.assign(new EventEmitter(), { remoteAddress: "127.0.0.1" });
  const stream: { session?: EventEmitter } = { session };
  const request = {
    httpVersionMajor: 2,
    url: "a",
    stream,
    socket: session,
    rawHeaders: [],
  } as unknown as IncomingMessage;
  server.emit("request", request, { destroyed: false });
  delete stream.session;
  expect(goOnInTurn(request, work("a breaks off"))).toBe(false);
  await vi.waitFor(() => expect(begun).toEqual(["a", "a breaks off"]));
});
