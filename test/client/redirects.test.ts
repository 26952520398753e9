// A redirect names somebody else: what the client sends is for the service alone.

import { expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Pull, test } from "./fixture.ts";
import { ScriptedServer } from "./scripted-server.ts";

test("no request follows a redirect: no token, fence or key goes elsewhere, and no write becomes a read", async ({
  client,
  server,
}) => {
  const elsewhere = await ScriptedServer.start();
  const fences = [{ path: "/locks/l/x-0000000000", czxid: 7 }];
  const lines = new Blob(['{"path":"/a"}\n']).stream();
  const calls: [number, string, () => Promise<unknown>][] = [
    [302, "PUT", () => client.joinSession({ id: "1f3a5c7e9b2d4f60", token: "secret" })],
    [307, "PUT", () => client.set("/a", "1", { fences })],
    [301, "POST", () => client.create("/a", "1")],
    [308, "GET", () => client.get("/a")],
    [307, "GET", () => new Pull(client.watch({ paths: ["/a"] })).next()],
    [303, "POST", () => client.importLines(lines).next()],
    [302, "GET", () => client.subtree("/a").next()],
  ];
  for (const [status, method, call] of calls) {
    const refused = expect(call()).rejects.toMatchObject({
      code: "unexpected_answer",
      status,
      mayBeDone: false,
      detail: `${server.url} redirects to ${elsewhere.url}/v1; the endpoint has to be the service's own URL.`,
    });
    const exchange = await server.request();
    expect(exchange.method).toBe(method);
    exchange.response.writeHead(status, { Location: `${elsewhere.url}/v1` }).end();
    await refused;
  }
  // Whoever was sent there would have come before this.
  const own = fetch(`${elsewhere.url}/own`);
  const first = await elsewhere.request();
  expect(first.asked).toBe("GET /own");
  first.reply(200, {});
  await own;
  await elsewhere.stop();
});

test("identities are shown with every request, and to nobody whom a redirect names", async ({ server }) => {
  const elsewhere = await ScriptedServer.start();
  const client = new Client({ endpoint: server.url, aclIdentities: ["ann:größer", "bob:a,b"] });
  const shown = ["ann:größer", "bob:a,b"]
    .map((one) => `digest ${Buffer.from(one).toString("base64")}`)
    .join(", ");
  const calls = [
    () => client.getAcl("/a"),
    () => client.get("/a"),
    () => new Pull(client.watch({ paths: ["/a"] })).next(),
    () => client.importLines(new Blob(["{}"]).stream()).next(),
    () => client.deleteTree("/a").next(),
    () => client.subtree("/a").next(),
  ];
  for (const call of calls) {
    const refused = expect(call()).rejects.toMatchObject({ code: "unexpected_answer" });
    const exchange = await server.request();
    expect(exchange.headers["acl-auth"]).toBe(shown);
    exchange.response.writeHead(307, { Location: `${elsewhere.url}/v1` }).end();
    await refused;
  }
  const own = fetch(`${elsewhere.url}/own`);
  const first = await elsewhere.request();
  expect([first.asked, first.headers["acl-auth"]]).toEqual(["GET /own", undefined]);
  first.reply(200, {});
  await own;
  await elsewhere.stop();
});

test("an endpoint is a URL of http or https, and the error says so", () => {
  for (const endpoint of ["localhost:2281", "ftp://127.0.0.1", "file:///x"]) {
    expect(() => new Client({ endpoint })).toThrow(`An endpoint is a URL of http or https, such as`);
  }
});

test("a failed connection says where it should have led", async ({ server, clock }) => {
  const client = new Client({ endpoint: server.url, clock, attemptsMax: 1 });
  const reading = expect(client.get("/a")).rejects.toThrow(`The connection to ${server.url} failed.`);
  (await server.request()).cut();
  await reading;
});
