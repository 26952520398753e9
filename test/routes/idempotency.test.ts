// What a request's key stands for: one name for each command it asks for, and one fingerprint of what is asked.

import { hash } from "node:crypto";
import Fastify, { type FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { type KeyedRequest, keyedRequestOf } from "../../src/routes/wire/idempotency.ts";
import { letEverybodyIn } from "../support/access.ts";

const limits = { idempotencyAgeMsMax: 1, idempotencyKeysMax: 2, idempotencyBytesMax: 3 };

interface Sent {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly payload?: object;
  /** The address it comes from. */
  readonly from?: string;
}

const anyPayload = { a: 1, b: [{ c: 2, d: 3 }] };

async function keyedOf({ url = "/x?a=1&b=2", headers = {}, payload = anyPayload, from }: Sent) {
  const app = Fastify();
  let keyed: KeyedRequest | undefined;
  letEverybodyIn(app);
  app.post("/*", async (request: FastifyRequest) => {
    keyed = keyedRequestOf(request, limits);
    return {};
  });
  const remoteAddress = from ?? "127.0.0.1";
  await app.inject({
    ...{ method: "POST", url, headers: { "idempotency-key": "k", ...headers }, payload, remoteAddress },
  });
  await app.close();
  return keyed as KeyedRequest;
}

const fingerprintOf = async (sent: Sent) => (await keyedOf(sent)).idempotencyAt().request;

test("each command of a request has a key of its own [D19]", async () => {
  const keyed = await keyedOf({});
  const all = [keyed.idempotencyAt(), ...[0, 1, 999].map((index) => keyed.idempotencyAt(index))];
  expect(new Set(all.map(({ key }) => key)).size).toBe(4);
  expect(new Set(all.map(({ request }) => request)).size).toBe(4);
  for (const { key, request } of all) expect(key + request).toMatch(/^[0-9a-f]{128}$/);
  expect(all[0]).toMatchObject({ ageMsMax: 1, keysMax: 2, bytesMax: 3 });
  expect((await keyedOf({})).idempotencyAt(1)).toEqual(keyed.idempotencyAt(1));
});

test("what is asked in another spelling has the same fingerprint [D19]", async () => {
  const fingerprint = await fingerprintOf({});
  const spellings: Sent[] = [
    { url: "/x?b=2&a=1" },
    { url: "/%78?a=%31&b=2" },
    { url: "/%2Fx?a=1&b=2" },
    { payload: { b: [{ d: 3, c: 2 }], a: 1 } },
    { headers: { "user-agent": "another", "content-language": "de" } },
  ];
  for (const sent of spellings) expect(await fingerprintOf(sent), JSON.stringify(sent)).toBe(fingerprint);
});

test("whatever is asked otherwise has another fingerprint [D19]", async () => {
  const requests: Sent[] = [
    {},
    { url: "/y?a=1&b=2" },
    { url: "/x/?a=1&b=2" },
    { url: "/x?a=2&b=1" },
    { url: "/x" },
    { url: "/x%3Fa=1&b=2" },
    { payload: { a: 1, b: [{ c: 2 }, { d: 3 }] } },
    { payload: { a: "1", b: [{ c: 2, d: 3 }] } },
    { headers: { fence: "/a@1" } },
    { headers: { "if-match": "/a@1" } },
    { headers: { "if-none-match": "*" } },
    { headers: { "session-token": "one" } },
    { headers: { "session-token": "other" } },
  ];
  const fingerprints = await Promise.all(requests.map(fingerprintOf));
  expect(new Set(fingerprints).size).toBe(requests.length);
});

test("a key is that of the session it comes with, or of the network it comes from [D19]", async () => {
  const keyOf = async (from: string, token?: string) => {
    const headers = token === undefined ? {} : { headers: { "session-token": token } };
    return (await keyedOf({ from, ...headers })).idempotencyAt().key;
  };
  const one = await keyOf("192.0.2.1");
  expect(await keyOf("::ffff:192.0.2.1")).toBe(one);
  expect(await keyOf("192.0.2.2")).not.toBe(one);
  expect(await keyOf("127.0.0.1")).toBe(await keyOf("::1"));
  expect(await keyOf("2001:db8::1")).toBe(await keyOf("2001:0DB8:0:0:ffff:1:2:3"));
  expect(await keyOf("2001:db8::1")).not.toBe(await keyOf("2001:db8:0:1::1"));
  const ofSession = await keyOf("192.0.2.1", "token");
  expect(ofSession).not.toBe(one);
  expect(await keyOf("192.0.2.2", "token")).toBe(ofSession);
  expect(await keyOf("192.0.2.1", "other")).not.toBe(ofSession);
});

test("an answer takes the share of its client, and within it that of the session [D19]", async () => {
  const scopeOf = async (sent: Sent) => (await keyedOf(sent)).idempotencyAt().scope;
  const [from, headers] = ["192.0.2.1", { "session-token": "token" }];
  const client = await scopeOf({ from });
  expect(client).toMatch(/^[0-9a-f]{32}$/);
  expect(await scopeOf({ from, headers })).toMatch(new RegExp(`^${client}/[0-9a-f]{32}$`));
  expect(await scopeOf({ from: "192.0.2.2" })).not.toBe(client);
});

test("what a version without owners would have kept is named as it did [D19]", async () => {
  const [here, there] = [await keyedOf({ from: "192.0.2.1" }), await keyedOf({ from: "192.0.2.2" })];
  expect(here.idempotencyAt().unscoped).toEqual(there.idempotencyAt().unscoped);
  expect(here.idempotencyAt().unscoped?.key).toBe(hash("sha256", "k", "hex"));
  expect(here.idempotencyAt(7).unscoped?.key).toBe(hash("sha256", "k\n7", "hex"));
});
