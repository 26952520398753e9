// `diff`: two trees side by side, whatever each of them is in.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Difference, diff } from "../../src/offline/diff.ts";
import { dump } from "../../src/offline/dump.ts";
import { bytes, plain } from "../support/keeper.ts";
import { all, startOn, test, unharmed } from "./fixture.ts";

async function dumpInto(file: string, directory: string, options: object = {}): Promise<void> {
  const lines = await all(dump(directory, options));
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

const short = ({ path, what, in: members }: Difference) => `${what} ${path} ${members ?? ""}`.trim();

test("a directory, a copy of its database and its dump are the same, stat and all", async ({
  stopped,
  folder,
}) => {
  const file = join(folder, "dump");
  await dumpInto(file, stopped, { sessions: true, history: true });
  for (const [one, other] of [
    [stopped, file],
    [file, stopped],
    [file, file],
    [stopped, join(stopped, "treekeeper.db")],
  ] as const) {
    expect(await unharmed(stopped, () => all(diff(one, other, { stat: true })))).toEqual([]);
  }
});

test("what differs is told by path, in the order of the paths, and in what", async ({ stopped, folder }) => {
  const before = join(folder, "before");
  await dumpInto(before, stopped);
  const store = await startOn(stopped);
  await store.submit({ type: "create", path: "/config/a/new", data: bytes("n"), mode: plain });
  await store.submit({ type: "delete", path: "/config/a/b" });
  await store.submit({ type: "setData", path: "/config", data: bytes("red") });
  await store.submit({ type: "setData", path: "/bytes", data: Uint8Array.of(0, 255, 1) });
  const open = [{ perms: 31, scheme: "world", id: "anyone" }] as const;
  await store.submit({ type: "setAcl", path: "/closed", acl: open, shown: { digests: ["ann:hash"] } });
  await store.close();
  const found = await all(diff(before, stopped));
  expect(found.map(short)).toEqual([
    "differs /closed acl",
    "differs /config data",
    "only in first /config/a/b",
    "only in second /config/a/new",
  ]);
  expect(found[1]).toMatchObject({ first: { data: "green" }, second: { data: "red" } });
  const reversed = await all(diff(stopped, before));
  expect(reversed.map(short).slice(2)).toEqual(["only in second /config/a/b", "only in first /config/a/new"]);
  const withStat = await all(diff(before, stopped, { stat: true }));
  expect(withStat.map(short)).toContain("differs /bytes mzxid,version");
  expect((await all(diff(before, stopped, { path: "/config/a" }))).map(short)).toEqual([
    "only in first /config/a/b",
    "only in second /config/a/new",
  ]);
});

test("what is no tree is refused with a sentence", async ({ stopped, folder }) => {
  const file = join(folder, "file");
  const sentences = async (content: string) => {
    writeFileSync(file, content);
    return await all(diff(stopped, file)).catch((error: Error) => `${error.name}: ${error.message}`);
  };
  expect(await sentences("not JSON\n")).toMatch(
    /^OfflineError: .*file is no data directory, .* line 1 is no/,
  );
  expect(await sentences('{"path":"/b","data":""}\n{"path":"/a","data":""}\n')).toMatch(
    /^OfflineError: .* is not in the order of a dump: \/a comes too late/,
  );
  await expect(all(diff(stopped, join(folder, "none")))).rejects.toMatchObject({ name: "OfflineError" });
});
