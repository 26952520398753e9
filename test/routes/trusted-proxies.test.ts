// Where a request comes from, behind a proxy that the operator has named: its clients are told apart as if they came by
// themselves. From anybody else the same words change nothing.

import { connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, vi } from "vitest";
import type { Audit } from "../../src/routes/http/audited-request.ts";
import { Proxies } from "../../src/routes/http/client-address.ts";
import { makePair } from "../support/certificates.ts";
import { ClientAt } from "../support/client-at.ts";
import { plain } from "../support/keeper.ts";
import { test as base, serveFor } from "./server-fixture.ts";

type Overrides = NonNullable<Parameters<typeof serveFor>[2]>;

const proxyAddress = "127.0.0.2";
const [ann, bob] = ["198.51.100.7", "2001:db8::7"] as const;

interface ProxyFixture {
  /** Addresses as the audit log has them, in the order of the answers. */
  noted: unknown[];
  /** A server that believes the proxy, seen from the proxy and from a client that comes by itself. */
  serving: (overrides?: Overrides) => Promise<{ readonly proxy: ClientAt; readonly direct: ClientAt }>;
}

const test = base.extend<ProxyFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  noted: async ({}, use) => use([]),
  serving: async ({ keeper, watches, noted }, use) => {
    const closing: (() => Promise<void>)[] = [];
    const audit: Audit = { note: ({ address }) => void noted.push(address), whoOf: () => ({ by: "anyone" }) };
    await use(async (overrides = {}) => {
      const { http, close } = await serveFor(keeper, watches, {
        ...{ audit, trustedProxies: [proxyAddress] },
        ...overrides,
      });
      closing.push(close);
      return { proxy: new ClientAt(http.url, proxyAddress), direct: new ClientAt(http.url, "127.0.0.1") };
    });
    for (const close of closing) await close();
  },
});

function of(...addresses: readonly string[]) {
  return { headers: { "X-Forwarded-For": addresses.join(", ") } };
}

test("a request comes from where the proxy says, and from nowhere else that a header says", async ({
  serving,
  noted,
}) => {
  const { proxy, direct } = await serving();
  await proxy.ask("PUT", "/v1/znodes/a", of(ann));
  await proxy.ask("PUT", "/v1/znodes/a", of("192.0.2.1", ann));
  await proxy.ask("PUT", "/v1/znodes/a", { headers: { "X-Real-IP": ann, Forwarded: `for=${ann}` } });
  await direct.ask("PUT", "/v1/znodes/a", of(ann));
  await direct.ask("PUT", "/v1/znodes/a", of(proxyAddress, ann, "127.0.0.1"));
  expect(noted).toEqual([ann, ann, proxyAddress, "127.0.0.1", "127.0.0.1"]);
});

test("where no proxy is named, none is believed", async ({ serving, noted }) => {
  const { proxy, direct } = await serving({ trustedProxies: [] });
  await proxy.ask("PUT", "/v1/znodes/a", of(ann));
  await direct.ask("PUT", "/v1/znodes/a", of(ann));
  expect(noted).toEqual([proxyAddress, "127.0.0.1"]);
});

test("behind several proxies it is the first address that is none of theirs", async ({ serving, noted }) => {
  const { proxy } = await serving({ trustedProxies: ["127.0.0.0/8", "10.1.0.0/16"] });
  await proxy.ask("PUT", "/v1/znodes/a", of("192.0.2.1", ann, "10.1.2.3", "127.9.9.9"));
  await proxy.ask("PUT", "/v1/znodes/a", of("10.1.2.3"));
  expect(noted).toEqual([ann, "10.1.2.3"]);
});

test("what is no address is not written down: the request is then the proxy's own", async ({
  serving,
  noted,
}) => {
  const { proxy } = await serving();
  const others = ["", "unknown", "x".repeat(5000), `${ann}:1234`, "[2001:db8::7]", "tree.example"];
  for (const other of others) await proxy.ask("PUT", "/v1/znodes/a", of(other));
  expect(new Set(noted)).toEqual(new Set([proxyAddress]));
  expect(noted).toHaveLength(others.length);
});

test("an interface that is named behind an address is left out, however long its name is", async ({
  serving,
  noted,
}) => {
  const { proxy } = await serving();
  await proxy.ask("PUT", "/v1/znodes/a", of(`fe80::7%${"x".repeat(5000)}`));
  expect(noted).toEqual(["fe80::7"]);
});

test("each client has a rate of its own, whatever others ask by way of the same proxy", async ({
  serving,
}) => {
  const { proxy } = await serving({ limits: { ratePerSecond: 10, rateBurst: 20 } });
  const ask = async (address: string) => (await proxy.ask("GET", "/v1/znodes/a", of(address))).status;
  for (let count = 0; count < 20; count += 1) expect(await ask(ann)).toBe(404);
  expect(await ask(ann)).toBe(429);
  expect(await ask(bob)).toBe(404);
});

test("an access control list of addresses means the client's", async ({ serving }) => {
  const { proxy, direct } = await serving();
  await direct.ask("POST", "/v1/znodes/a");
  const acl = [{ perms: ["read"], scheme: "ip", id: ann }];
  const headers = { "content-type": "application/json" };
  const set = await direct.ask("PUT", "/v1/acl/a", { headers, body: JSON.stringify({ acl }) });
  expect(set.status).toBe(200);
  const read = async (client: ClientAt, address: string) =>
    (await client.ask("GET", "/v1/znodes/a", of(address))).status;
  expect([await read(proxy, ann), await read(proxy, bob), await read(direct, ann)]).toEqual([200, 403, 403]);
});

test("the connections of a proxy are no one client's, and those of others are", async ({ serving }) => {
  const { proxy, direct } = await serving({ limits: { connectionsPerClientMax: 2, streamsPerClientMax: 1 } });
  const opened = await Promise.all(
    Array.from({ length: 6 }, (_, index) => proxy.open("GET", "/v1/watch?path=/", of(`198.51.100.${index}`))),
  );
  expect(opened.map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
  expect((await proxy.ask("GET", "/v1/watch?path=/", of("198.51.100.0"))).json()).toMatchObject({
    limit: "streamsPerClientMax",
  });
  const held = [await direct.connect(), await direct.connect()];
  expect((await direct.ask("GET", "/v1/znodes/a")).json()).toMatchObject({
    limit: "connectionsPerClientMax",
  });
  for (const stream of opened) stream.destroy();
  for (const socket of held) socket.destroy();
});

test("a connection of a proxy waits for what many clients wait for, each within its own bound", async ({
  keeper,
  watches,
}) => {
  const tls = makePair("proxied");
  const limits = { waitsPerConnectionMax: 2, streamsPerClientMax: 1 };
  const { server, close } = await serveFor(keeper, watches, { tls, limits, trustedProxies: [proxyAddress] });
  const { port } = server.app.server.address() as AddressInfo;
  const open = (localAddress: string) =>
    connectHttp2(`https://127.0.0.1:${port}`, { ca: tls.cert, localAddress } as object);
  const [proxy, direct] = [open(proxyAddress), open("127.0.0.1")];
  const statusOf = (session: typeof proxy, address: string) =>
    new Promise<unknown>((resolve, reject) => {
      const headers = { ":path": "/v1/watch?path=/", "x-forwarded-for": address };
      session
        .request(headers)
        .on("response", (answer) => resolve(answer[":status"]))
        .on("error", reject);
    });
  const clients = Array.from({ length: 5 }, (_, index) => `198.51.100.${index}`);
  expect(await Promise.all(clients.map((client) => statusOf(proxy, client)))).toEqual(Array(5).fill(200));
  expect(await statusOf(proxy, clients[0] as string)).toBe(429);
  expect([await statusOf(direct, ann), await statusOf(direct, bob)]).toEqual([200, 429]);
  proxy.destroy();
  direct.destroy();
  await close();
});

test("a network of proxies has its addresses, in either way of writing them, and no others", () => {
  const proxies = new Proxies(["10.1.2.0/24", "192.0.2.1", "2001:db8:1::/48"]);
  const among = [
    "10.1.2.0",
    "10.1.2.255",
    "::ffff:10.1.2.9",
    "192.0.2.1",
    "2001:db8:1::",
    "2001:DB8:1:ffff::1",
  ];
  for (const address of among) expect(proxies.has(address), address).toBe(true);
  const others = ["10.1.3.0", "192.0.2.2", "2001:db8:2::1", "::1", "fe80::1%eth0", "", "x", undefined];
  for (const address of others) expect(proxies.has(address), String(address)).toBe(false);
  expect(new Proxies([]).has("127.0.0.1")).toBe(false);
});

test("requests of many clients on one connection are all answered, whoever's turn it is", async ({
  serving,
  keeper,
}) => {
  await keeper.create("/large");
  await keeper.create("/large/a", plain, "x".repeat(900_000));
  const { proxy } = await serving({ limits: { requestsPerConnectionMax: 4 } });
  const socket = await proxy.connect();
  let text = "";
  socket.setEncoding("latin1").on("data", (part) => {
    text += part;
  });
  const ask = (target: string, client: string) =>
    `HEAD ${target} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${client}\r\n\r\n`;
  // The turn of the first is over with its first, and its second waits while others take what places there are.
  const ofAnn = ask("/v1/children/large?include=data", ann).repeat(2);
  socket.write(ofAnn + ask("/livez", bob).repeat(20) + ask("/livez", ann));
  await vi.waitFor(() => expect(text.match(/^HTTP\/1\.1 200 /gm)).toHaveLength(23), { timeout: 20_000 });
  socket.destroy();
});
