// A service that held much and holds little: its file becomes short again by itself, while it serves, and a crash amid that
// costs nothing.

import { statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

const mebibyte = 1_048_576;
const settings = ["--checkpoint-bytes", "2MiB", "--wal-bytes-max", "4MiB", "--history-bytes-max", "1MiB"];

test("the file of a tree that was deleted becomes short again while others write, through a kill as well [G4]", async ({
  dataDir,
  start,
}) => {
  const sizeOf = () => statSync(join(dataDir, "treekeeper.db")).size;
  const first = await start(...settings);
  const http = new Http(first.url);
  await http.post("/v1/znodes/kept", { body: "kept" });
  await http.post("/v1/znodes/much");
  const names = Array.from({ length: 40 }, (_, index) => `much/n${index}`);
  for (const name of names)
    expect((await http.post(`/v1/znodes/${name}`, { body: "x".repeat(900_000) })).status).toBe(201);
  for (const name of names) expect((await http.delete(`/v1/znodes/${name}`)).status).toBe(204);
  // Who writes little is served as ever; once some of it has gone, the process is killed where it stands.
  const full = 30 * mebibyte;
  await expect.poll(sizeOf, { timeout: 30_000 }).toBeGreaterThan(full);
  let count = 0;
  const writeUntil = async (url: string, isReached: () => boolean) => {
    const writer = new Http(url);
    while (!isReached()) {
      count += 1;
      expect((await writer.put("/v1/znodes/much", { body: `write ${count}` })).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await writeUntil(first.url, () => sizeOf() < full - 4 * mebibyte);
  await first.kill();
  const next = await start(...settings);
  await writeUntil(next.url, () => sizeOf() < 10 * mebibyte);
  await next.kill();
  const last = new Http((await start(...settings)).url);
  expect((await last.get("/v1/znodes/kept", { query: "raw=true" })).text).toBe("kept");
  expect((await last.get("/v1/znodes/much", { query: "raw=true" })).text).toBe(`write ${count}`);
  expect((await last.get("/v1/children/much")).json()).toMatchObject({ children: [] });
});
