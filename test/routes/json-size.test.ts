// JSON is looked through before it is parsed: what is short and yet very much to read is refused, by a name.

import { expect } from "vitest";
import { JsonScanner } from "../../src/routes/http/json-scanner.ts";
import { test } from "./server-fixture.ts";

const limits = { jsonDepthMax: 4, jsonValuesMax: 10 };

function refusalOf(text: string): string {
  try {
    new JsonScanner(limits).scanAll(Buffer.from(text));
    return "none";
  } catch (error) {
    return String((error as { details: { limit: string } }).details.limit);
  }
}

test("values are counted where they are values, and nothing within a string is one", () => {
  const list = (count: number) => `[${Array(count).fill("0").join(",")}]`;
  expect([refusalOf(list(10)), refusalOf(list(11))]).toEqual(["none", "jsonValuesMax"]);
  expect(refusalOf(`{"a":${list(9)}}`)).toBe("none");
  expect(refusalOf(`{"a":${list(10)}}`)).toBe("jsonValuesMax");
  expect([refusalOf("[[[[]]]]"), refusalOf("[[[[[]]]]]")]).toEqual(["none", "jsonDepthMax"]);
  const texts = [
    ",".repeat(100),
    '\\",[[[[['.repeat(20),
    "\\\\",
    '\\\\\\"[[[[[[',
    "a\\\\\\\\",
    "{".repeat(9),
  ];
  for (const text of texts) {
    expect(refusalOf(`["${text}","${text}",{"${text}":0}]`), text).toBe("none");
    expect(refusalOf(`["${text}",[[[[]]]]]`), text).toBe("jsonDepthMax");
  }
  // No JSON at all: the parser says so.
  for (const text of ["", '"', '["\\', "]]]]]]]", "\\\\\\\\"]) expect(refusalOf(text), text).toBe("none");
});

const many = 60_000;
const members = Array.from({ length: many }, (_, index) => `"${index}":0`).join(",");
const lists = Array(many).fill("[]").join(",");

test("a body of very many small values is 413 wherever JSON is taken, and names the limit", async ({
  http,
  state,
}) => {
  const all = { limit: "jsonValuesMax", limitValue: 50_000 };
  const item = { limit: "jsonItemValuesMax", limitValue: 4096 };
  const bodies = [
    ["POST", "/v1/transactions", `{"operations":[${lists}]}`, all],
    ["POST", "/v1/transactions", `{"operations":[{"op":"check","path":"/",${members}}]}`, item],
    ["POST", "/v1/batch", `{"operations":[${lists}]}`, all],
    ["POST", "/v1/sessions", `{${members}}`, item],
    ["POST", "/v1/locks/a/claims", `{"metadata":{${members}}}`, item],
    ["PUT", "/v1/services/a/instances/b", `{"metadata":[${lists}]}`, all],
    ["POST", "/v1/import", `{"path":"/a","stat":{"x":[${lists}]}}`, item],
    ["DELETE", "/v1/quotas/a", `[${lists}]`, item],
  ] as const;
  for (const [method, path, body, limit] of bodies) {
    const answer = await http.request(method, path, { body });
    expect([path, answer.status, answer.code]).toEqual([path, 413, "too_large"]);
    expect(answer.json()).toMatchObject(limit);
  }
  expect(state()).toMatch(/^0 /);
});

test("a transaction and a batch of the most operations there may be pass, with 8 KiB in each", async ({
  http,
}) => {
  const data = '"\\x"'.repeat(1000);
  const create = (index: number) => ({
    op: "create",
    path: `/n${index}`,
    data,
    ephemeral: false,
    sequential: false,
  });
  const operations = Array.from({ length: 1000 }, (_, index) => create(index));
  expect((await http.post("/v1/transactions", { json: { operations } })).status).toBe(200);
  const checks = operations.map(({ path }) => ({ op: "check", path, version: 0, exists: true }));
  expect((await http.post("/v1/batch", { json: { operations: checks } })).status).toBe(200);
});

test("long texts where short ones are meant are refused in few words, and base64 of any length is judged", async ({
  http,
}) => {
  const send = (operation: object) =>
    http.post("/v1/transactions", { json: { operations: [{ op: "set", path: "/", ...operation }] } });
  for (const path of [`/${"\u0001".repeat(1_000_000)}`, "/a".repeat(1_000_000), "a".repeat(1_000_000)]) {
    const answer = await send({ path });
    expect([answer.status, answer.text.length < 1000]).toEqual([400, true]);
  }
  const large = await send({ dataBase64: "AAAA".repeat(1_500_000) });
  expect([large.status, large.code]).toEqual([413, "too_large"]);
  for (const dataBase64 of [`${"AAAA".repeat(1_500_000)}!`, "AAAA=AAA", "A===", "A", "AA=", "===="]) {
    expect((await send({ dataBase64 })).status).toBe(400);
  }
  for (const dataBase64 of ["", "AA==", "AAA=", "AAAA", "+/+/AA=="]) {
    expect((await send({ dataBase64 })).status).toBe(200);
  }
});
