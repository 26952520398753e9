// What `register --check` asks, of a port, a URL and a command, and that it asks until it is answered.

import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { checkOf, passed } from "../../src/cli/check.ts";

const { signal } = new AbortController();

test("a port is ready when it takes a connection, also another one than that of the instance", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const checks = [
    checkOf("tcp", { address: "127.0.0.1", port }),
    checkOf(`tcp://127.0.0.1:${port}`, { address: "h", port: 1 }),
  ];
  for (const check of checks) await check(signal);
  server.close();
  await once(server, "close");
  for (const check of checks) await expect(check(signal)).rejects.toThrow("ECONNREFUSED");
});

test("a URL is ready when it answers and does not complain", async () => {
  let status = 503;
  const server = createHttpServer((_request, response) => response.writeHead(status).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const check = checkOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    address: "h",
    port: 1,
  });
  const reasons: string[] = [];
  await passed(check, signal, (reason) => {
    reasons.push(reason);
    status = 204;
  });
  expect(reasons).toEqual([expect.stringMatching(/answers 503$/)]);
  server.close();
});

test("a command is ready when it ends with 0, and is ended when the wait is over", async () => {
  const instance = { address: "h", port: 1 };
  await checkOf("true", instance)(signal);
  await expect(checkOf("exit 3", instance)(signal)).rejects.toThrow("exit 3 ends with 3");
  const ending = new AbortController();
  const waiting = passed(checkOf("sleep 60", instance), ending.signal, () => {});
  ending.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});
