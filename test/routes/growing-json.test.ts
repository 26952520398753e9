// Long JSON is parsed as it comes. Whatever pieces it comes in, what comes out is what JSON.parse makes of the whole; what
// is no JSON is none here, and what is too much is refused before the rest of it is there.

import { once } from "node:events";
import fc from "fast-check";
import { expect } from "vitest";
import { GrowingJson } from "../../src/routes/http/growing-json.ts";
import { test } from "./server-fixture.ts";

const limits = { jsonDepthMax: 32, jsonValuesMax: 50_000 };

function parsedInPieces(text: string | Buffer, sizes: readonly number[]): unknown {
  const json = new GrowingJson(limits, (part) => JSON.parse(part));
  const bytes = Buffer.from(text as string);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number;
    json.add(bytes.subarray(at, at + size));
    at += size;
  }
  return json.take();
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

test("it is what JSON.parse makes of the whole, in whatever pieces", () => {
  const text = fc.string({ unit: "binary" });
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, -1.5e3, "", '"', "\\", "]", "[1,2]"),
      text,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(text, tie("value"), { maxKeys: 4 }),
    ),
  }));
  const spaced = fc.constantFrom(0, 1, 2);
  fc.assert(
    fc.property(value, spaced, sizes, (sent, spaces, pieces) => {
      const json = JSON.stringify(sent, null, spaces);
      expect(parsedInPieces(json, pieces)).toEqual(JSON.parse(json));
    }),
    { numRuns: 100 },
  );
});

test("what JSON.parse does not take is not taken, and what it takes is, however it is spoilt", () => {
  const sound = '{"a" : [ {"b":"x,]\\"y"}, [1,[2]], 3 ],"c":[],"d":"é\\u00e9" ,"a":[ "z" ]}';
  const outcome = (parse: () => unknown) => {
    try {
      return parse();
    } catch {
      return "none";
    }
  };
  const check = (text: string, pieces: readonly number[]) =>
    expect(
      outcome(() => parsedInPieces(text, pieces)),
      text,
    ).toEqual(outcome(() => JSON.parse(text)));
  for (let at = 0; at < sound.length; at += 1) {
    for (const spoil of ["", ",", "]", "[", "}", "{", '"', "\\", ":", "1", " "]) {
      for (const pieces of [[1], [7], [1000]]) {
        check(sound.slice(0, at) + spoil + sound.slice(at), pieces);
        check(sound.slice(0, at) + spoil + sound.slice(at + 1), pieces);
      }
    }
  }
  const list = fc.array(fc.constantFrom("[", "]", "{", "}", ",", '"', ":", "1", "\\", '"a"', " "));
  fc.assert(
    fc.property(list, sizes, (parts, pieces) => {
      check(parts.join(""), pieces);
    }),
    { numRuns: 1000 },
  );
});

test("long strings come out as they went in, wherever they are cut", () => {
  const long = (unit: string) => unit.repeat(Math.ceil(200_000 / unit.length));
  const texts = [
    long("plain "),
    long("\\"),
    long('"'),
    long("\u0001é"),
    long("€"),
    long("😀x"),
    long("\n\\n"),
  ];
  for (const data of texts) {
    const sent = { operations: [{ op: "set", data }, { data: "short", list: [data] }, data], data };
    for (const json of [JSON.stringify(sent), JSON.stringify({ ...sent, operations: [] })]) {
      for (const size of [1000, 65_536, 65_537, 1_000_000])
        expect(parsedInPieces(json, [size])).toEqual(JSON.parse(json));
    }
  }
  const escaped = `["${"\\ud83d\\ude00\\u0061".repeat(30_000)}"]`;
  for (const size of [65_536, 65_537, 65_539, 3001])
    expect(parsedInPieces(escaped, [size])).toEqual(JSON.parse(escaped));
  for (const spoilt of ["\u0001", "\\x", "\\u00g0"]) {
    const text = `["${long("a")}${spoilt}${long("a")}"]`;
    expect(() => parsedInPieces(text, [65_536])).toThrow();
  }
  // What stands for the rest of a string while it is parsed does not make an escape whole.
  for (let at = 65_520; at < 65_550; at += 1) {
    const broken = `["${"a".repeat(at)}\\u061€${long("a")}"]`;
    expect(() => parsedInPieces(broken, [65_536])).toThrow();
  }
  const cut = Buffer.from(`["${long("€")}"]`);
  cut[100_000] = 0x41;
  expect(() => parsedInPieces(cut, [65_536])).toThrow("not valid UTF-8");
});

test("a body that is too much is refused before it is whole, whatever it is too much of", async ({
  http,
  state,
}) => {
  const refused: [string, object][] = [
    ["[".repeat(9000), { status: 400, limit: "jsonDepthMax", limitValue: 32, size: 33 }],
    [`{"operations":[${"[],".repeat(30_000)}`, { status: 413, limit: "jsonValuesMax", limitValue: 50_000 }],
    [
      `{"operations":[{"op":"set",${'"a":0,'.repeat(12_000)}`,
      { status: 413, limit: "jsonItemValuesMax", limitValue: 4096, size: 4097 },
    ],
    [
      `{"operations":[${"1".repeat(330_000)}`,
      { status: 413, limit: "jsonItemBytesMax", limitValue: 262_144 },
    ],
    [`{${" ".repeat(330_000)}`, { status: 413, limit: "jsonItemBytesMax", limitValue: 262_144 }],
    [`{"${"n".repeat(140_000)}`, { status: 413, limit: "jsonNameBytesMax", limitValue: 65_536 }],
    [`{"operations":[1,,${"1,".repeat(40_000)}`, { status: 400, detail: "The body is not valid JSON." }],
    [`{"operations":[{"__proto__":1},${"1,".repeat(40_000)}`, { status: 400, code: "bad_request" }],
  ];
  for (const [begun, problem] of refused) {
    const socket = await http.connect();
    socket.setEncoding("utf8");
    socket.write(
      `POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n${begun}`,
    );
    // The rest of it never comes.
    const [answer] = await once(socket, "data");
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject(problem);
    socket.destroy();
  }
  expect(state()).toMatch(/^0 /);
});

test("small values count for what they take in memory, and not for their bytes", () => {
  const json = new GrowingJson(limits, (part) => JSON.parse(part));
  const text = `{"operations":[${"{},".repeat(20_000)}`;
  json.add(Buffer.from(text));
  expect(json.heldBytes).toBeGreaterThan(text.length + 20_000 * 100);
});

test("others are answered between the pieces of a long body", async ({ http }) => {
  const socket = await http.connect();
  socket.setEncoding("utf8");
  const order: string[] = [];
  const operations = Array.from({ length: 1000 }, (_, index) => ({
    ...{ op: "create", path: `/n${index}`, data: "0123456789abcdef".repeat(64) },
  }));
  const body = JSON.stringify({ operations });
  const answered = once(socket, "data").then(([text]) => {
    order.push("transaction");
    return text as string;
  });
  const half = body.length / 2;
  socket.write(
    `POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, half)}`,
  );
  await http.get("/livez");
  order.push("another");
  socket.write(body.slice(half));
  expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
  expect(order).toEqual(["another", "transaction"]);
  socket.destroy();
});
