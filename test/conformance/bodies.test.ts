// Data byte for byte: what was sent is what is read, however it was sent and however it is read.

import { expect, expectProblem, expectStatus, type Read, test, urlOf } from "./fixture.ts";

const mebibyte = 1_048_576;

test("all 256 byte values come back as they were, raw and as base64 [S8]", async ({ http, root, znodes }) => {
  const body = Uint8Array.from({ length: 512 }, (_, index) => (index * 7) % 256);
  const url = urlOf(`${root}/a`);
  expectStatus(await http.post(url, { body }), 201);
  const raw = expectStatus(await http.get(url, { query: "raw=true" }), 200);
  expect(raw.bytes).toEqual(body);
  expect(raw.header("content-type")).toBe("application/octet-stream");
  expect(raw.header("x-content-type-options")).toBe("nosniff");
  const accepted = await http.get(url, { headers: { accept: "application/octet-stream" } });
  expect(accepted.bytes).toEqual(body);
  const { data, dataBase64, stat } = await znodes.read(`${root}/a`);
  expect([data, dataBase64, stat.dataLength]).toEqual([undefined, Buffer.from(body).toString("base64"), 512]);
});

test("text is shown as text and other bytes as base64, never both", async ({ http, root, znodes }) => {
  const values = {
    ascii: Buffer.from("hello"),
    unicode: Buffer.from("grüße, 中文, 🙂, \u0000 and \ufffd"),
    mark: Buffer.from("\ufeffmarked"),
    cut: Buffer.from("🙂").subarray(0, 3),
    overlong: Buffer.from([0xc0, 0x80]),
    surrogate: Buffer.from([0xed, 0xa0, 0x80]),
  };
  for (const [name, bytes] of Object.entries(values)) {
    await http.post(urlOf(`${root}/${name}`), { body: new Uint8Array(bytes) });
    const read = await znodes.read(`${root}/${name}`);
    const isText = ["ascii", "unicode", "mark"].includes(name);
    expect(read.data, name).toBe(isText ? bytes.toString("utf8") : undefined);
    expect(read.dataBase64, name).toBe(isText ? undefined : bytes.toString("base64"));
    const forced = await http.get(urlOf(`${root}/${name}`), { query: "encoding=base64" });
    const { data, dataBase64 } = forced.json<Read & Record<string, unknown>>();
    expect([data, dataBase64]).toEqual([undefined, bytes.toString("base64")]);
  }
});

test("the body is the data whatever its Content-Type says", async ({ root, znodes }) => {
  const types = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; charset=latin1",
    "///;;; no type at all",
  ];
  for (const [index, type] of types.entries()) {
    const headers = { "content-type": type };
    await znodes.create(`${root}/n${index}`, '{"not": closed', { headers });
    expect((await znodes.read(`${root}/n${index}`)).data, type).toBe('{"not": closed');
    await znodes.set(`${root}/n${index}`, "a=1&b=ü", { headers });
    expect((await znodes.read(`${root}/n${index}`)).data, type).toBe("a=1&b=ü");
  }
});

test("exactly 1 MiB is taken and read back; one byte more is 413 and nothing is made [P9, L3]", async ({
  http,
  root,
  znodes,
}) => {
  const body = new Uint8Array(mebibyte + 1).map((_, index) => index % 251);
  const largest = body.subarray(0, mebibyte);
  expectStatus(await http.post(urlOf(`${root}/a`), { body: largest }), 201);
  const { bytes } = await http.get(urlOf(`${root}/a`), { query: "raw=true" });
  expect(Buffer.compare(bytes, largest)).toBe(0);
  const limit = { limitValue: mebibyte, size: mebibyte + 1 };
  for (const method of ["POST", "PUT"]) {
    const answer = await http.request(method, urlOf(`${root}/b`), { query: "", body });
    expect(expectProblem(answer, 413, "too_large")).toMatchObject(limit);
  }
  expectProblem(await http.put(urlOf(`${root}/a`), { body }), 413, "too_large");
  expect(await znodes.children(root)).toEqual(["a"]);
  expect((await znodes.stat(`${root}/a`)).version).toBe(0);
});

test("a body without a length is bounded as well [P9]", async ({ http, root, znodes }) => {
  const chunk = "x".repeat(65_536);
  const body = `${`10000\r\n${chunk}\r\n`.repeat(17)}0\r\n\r\n`;
  const answer = await http.raw(
    `POST ${urlOf(`${root}/a`)} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
  );
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.body)).toMatchObject({ code: "too_large", limitValue: mebibyte });
  expect(await znodes.exists(`${root}/a`)).toBe(false);
});

test("an operation of a transaction is bounded like a body [P9, M4]", async ({ http, root }) => {
  const operations = [
    { op: "create", path: `${root}/a` },
    { op: "set", path: `${root}/a`, data: "x".repeat(mebibyte + 1) },
  ];
  const problem = expectProblem(
    await http.post("/v1/transactions", { json: { operations } }),
    413,
    "too_large",
  );
  expect(problem).toMatchObject({ failedOperation: 1, limitValue: mebibyte, size: mebibyte + 1 });
});

test("what cannot be given as asked is 406, and nothing else is [O6]", async ({ http, root }) => {
  const url = urlOf(root);
  expectProblem(await http.get(url, { headers: { accept: "image/png" } }), 406, "not_acceptable");
  for (const accept of ["*/*", "application/*", "text/html, application/json;q=0.1", "application/json"]) {
    expect((await http.get(url, { headers: { accept } })).status, accept).toBe(200);
  }
});
