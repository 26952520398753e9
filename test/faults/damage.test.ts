// A disk that changes bits, under a real server: it starts with all that was acknowledged, or says why it does not.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { ServerProcess, test } from "../support/process.ts";

test("a flipped bit in the log or in the history stops the start with a sentence, and nothing is given out twice", {
  timeout: 180_000,
}, async ({ dataDir, start }) => {
  const first = await start();
  const http = new Http(first.url);
  for (let count = 1; count <= 12; count += 1)
    await http.put("/v1/znodes/a", { query: "upsert=true", body: "v" });
  await first.kill();
  const walFile = join(dataDir, "treekeeper.db-wal");
  const wal = readFileSync(walFile);
  writeFileSync(walFile, flipped(wal, Math.floor(wal.byteLength / 2)));
  expect(await refusalAt(dataDir)).toMatch(
    /write-ahead log .* is damaged: frame \d+, at byte \d+, .*truncate -s/,
  );
  writeFileSync(walFile, wal);
  const second = await start();
  expect((await new Http(second.url).get("/v1/znodes/a")).json<{ stat: unknown }>().stat).toMatchObject({
    mzxid: 12,
  });
  await second.terminate();
  const file = join(dataDir, "treekeeper.db");
  const database = readFileSync(file);
  writeFileSync(file, flipped(database, database.lastIndexOf('"data":"v"') + 8));
  expect(await refusalAt(dataDir)).toMatch(
    /database .* is damaged: the history up to zxid \d+ does not match/,
  );
});

function flipped(content: Buffer, position: number): Buffer {
  const copy = Buffer.from(content);
  copy.writeUInt8(copy.readUInt8(position) ^ 4, position);
  return copy;
}

async function refusalAt(dataDir: string): Promise<string> {
  const { code, logs } = await ServerProcess.runToEnd({ dataDir });
  expect(code).toBe(1);
  return logs.at(-1)?.msg ?? "";
}
