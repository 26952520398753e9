// What a request's key stands for: one name for each command it asks for, and one fingerprint of what is asked.

import Fastify, { type FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { type KeyedRequest, keyedRequestOf } from "../../src/routes/idempotency.ts";

const limits = { idempotencyAgeMsMax: 1, idempotencyKeysMax: 2, idempotencyBytesMax: 3 };

interface Sent {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly payload?: object;
}

async function keyedOf({ url = "/x?a=1&b=2", headers = {}, payload = { a: 1, b: [{ c: 2, d: 3 }] } }: Sent) {
  const app = Fastify();
  let keyed: KeyedRequest | undefined;
  app.post("/*", async (request: FastifyRequest) => {
    keyed = keyedRequestOf(request, limits);
    return {};
  });
  await app.inject({ method: "POST", url, headers: { "idempotency-key": "k", ...headers }, payload });
  await app.close();
  return keyed as KeyedRequest;
}

const fingerprintOf = async (sent: Sent) => (await keyedOf(sent)).idempotencyAt().request;

test("each command of a request has a key of its own, and all have one request [D19]", async () => {
  const keyed = await keyedOf({});
  const all = [keyed.idempotencyAt(), ...[0, 1, 999].map((index) => keyed.idempotencyAt(index))];
  expect(new Set(all.map(({ key }) => key)).size).toBe(4);
  expect(new Set(all.map(({ request }) => request)).size).toBe(1);
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
