// A large znode is answered with piece by piece. To the byte it is what it would be in one, and others have their turn
// between the pieces.

import fc from "fast-check";
import { expect } from "vitest";
import { statOf } from "../../src/core/tree/stat.ts";
import { rootZnode } from "../../src/core/tree/znode.ts";
import { Turns } from "../../src/routes/http/turns.ts";
import { bytesInPieces, Pieces } from "../../src/routes/wire/pieces.ts";
import { znodeInPieces } from "../../src/routes/wire/znode-pieces.ts";
import { plain } from "../support/keeper.ts";
import { test } from "./server-fixture.ts";

function joined(data: Uint8Array, form: "bytes" | "base64" | undefined) {
  const source = znodeInPieces({ ...rootZnode(), path: '/a"é', data }, form);
  const pieces: Uint8Array[] = [];
  for (let piece = source.next(); piece !== null; piece = source.next()) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  expect(bytes.byteLength).toBe(source.byteLength);
  return { bytes, largest: Math.max(...pieces.map(({ byteLength }) => byteLength)) };
}

function textOf(data: Uint8Array, member: object): string {
  return `${JSON.stringify({ path: '/a"é', ...member, stat: statOf({ ...rootZnode(), data }) })}\n`;
}

const long = (unit: string) => unit.repeat(Math.ceil(200_000 / Buffer.byteLength(unit)));

test("text, bytes and base64 are what they would be in one piece, and no piece is large", () => {
  const units = ["a", "é", "€x", "😀", "\u0001", '"\\\n\u007f', "\u2028\ud7ff\uffff"];
  const random = fc.sample(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), {
    numRuns: 20,
    seed: 1,
  });
  for (const unit of [...units, ...random]) {
    const data = Buffer.from(long(unit));
    const { bytes, largest } = joined(data, undefined);
    expect(bytes.toString()).toBe(textOf(data, { data: data.toString() }));
    expect(largest).toBeLessThan(160_000);
  }
  for (const length of [200_000, 200_001, 200_002]) {
    const data = Buffer.alloc(length, 0xfe);
    const dataBase64 = data.toString("base64");
    expect(joined(data, undefined).bytes.toString()).toBe(textOf(data, { dataBase64 }));
    expect(joined(data, "base64").bytes.toString()).toBe(textOf(data, { dataBase64 }));
    expect(joined(data, "bytes").bytes.equals(data)).toBe(true);
  }
});

test("a znode is answered with in the same form, whether it is large or small", async ({ http, keeper }) => {
  const ask = async (path: string, query: string, method = "GET") => {
    const answer = await http.request(method, path, { query });
    const names = ["content-type", "content-length", "etag", "vary", "cache-control"];
    return { answer, told: names.map((name) => [name, answer.headers.get(name)]) };
  };
  for (const data of ["small", long("žluťoučký\n")]) {
    await keeper.create(`/${data.length}`, plain, data);
    const url = `/v1/znodes/${data.length}`;
    for (const query of ["", "encoding=base64", "raw=true"]) {
      const read = await ask(url, query);
      const head = await ask(url, query, "HEAD");
      expect(head.told).toEqual(read.told);
      expect(read.answer.headers.get("content-length")).toBe(`${Buffer.byteLength(read.answer.text)}`);
      if (query === "raw=true") expect(read.answer.text).toBe(data);
      else
        expect(Object.keys(read.answer.json<object>())).toEqual([
          "path",
          query === "" ? "data" : "dataBase64",
          "stat",
        ]);
    }
    expect((await ask(url, "")).answer.json<{ data: string }>().data).toBe(data);
  }
});

test("pieces are made as they are taken, and clients by turns, however many answers each waits for", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const data = Buffer.from("x".repeat(100_000));
  const answers = ["a", "a", "a", "b"].map((client) => {
    const held = { client, taken: () => {}, release: () => {}, cut: () => {} };
    const { byteLength, next } = bytesInPieces(data);
    const noted = () => {
      order.push(client);
      return next();
    };
    return new Pieces({ byteLength, next: noted }, held, turns);
  });
  const whole = answers.map((answer) => answer.toArray());
  expect(order).toEqual([]);
  const read = await Promise.all(whole);
  expect(read.map((pieces) => Buffer.concat(pieces).equals(data))).toEqual([true, true, true, true]);
  expect(order.slice(0, 6)).toEqual(["a", "b", "a", "b", "a", "b"]);
});

test("headers that are lists have a bound, which is named where it is passed and in the limits", async ({
  http,
}) => {
  const { bounds } = (await http.get("/v1/limits")).json<{ bounds: Record<string, number> }>();
  expect(bounds.listHeaderLengthMax).toBe(4096);
  for (const name of ["Accept", "Accept-Encoding"]) {
    const list = (length: number) => "*/*, ".repeat(length / 5).padEnd(length, " a");
    const answer = await http.get("/v1/znodes", { headers: { [name]: list(4097) } });
    expect([answer.status, answer.code]).toEqual([431, "bad_request"]);
    expect(answer.json()).toMatchObject({ limit: "listHeaderLengthMax", limitValue: 4096 });
    expect((await http.get("/v1/znodes", { headers: { [name]: list(4096) } })).status, name).not.toBe(431);
  }
});
