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
  beginInTurn(server as Server, new ClientTurns(), new Proxies([]));
  const socket = Object.assign(new EventEmitter(), { remoteAddress: "127.0.0.1" });
  const ask = (url: string, rawHeaders: readonly string[] = []) => {
    const request = { httpVersionMajor: 1, url, socket, rawHeaders } as unknown as IncomingMessage;
    const response = { destroyed: false } as ServerResponse;
    server.emit("request", request, response);
    return { request, response };
  };
  return { begun, work, ask };
}

test("requests that wait for the turn of their client begin in their order", async () => {
  const { begun, ask } = beginning();
  for (const url of ["a", "b", "c"]) ask(url);
  expect(begun).toEqual(["a"]);
  await vi.waitFor(() => expect(begun).toEqual(["a", "b", "c"]));
});

test("what had begun and waited for something else goes on before those behind it begin", async () => {
  const { begun, work, ask } = beginning();
  const { request, response } = ask("a");
  ask("b");
  goOnInTurn(request, response, work("a goes on"));
  expect(begun).toEqual(["a"]);
  await vi.waitFor(() => expect(begun).toEqual(["a", "a goes on", "b"]));
});

test("of requests that are gone none begins", async () => {
  const { begun, ask } = beginning();
  ask("a");
  const { response } = ask("b");
  ask("c");
  Object.assign(response, { destroyed: true });
  await vi.waitFor(() => expect(begun).toEqual(["a", "c"]));
});
