// `dump`: all that is in a directory, whether it stands in the tables or only in the log.

import { expect } from "vitest";
import { dump } from "../../src/offline/dump.ts";
import { all, test, unharmed } from "./fixture.ts";

const everything = { sessions: true, claims: true, history: true, log: true } as const;

type Lines = readonly Record<string, unknown>[];

async function linesOf(directory: string, options: object = {}): Promise<Lines> {
  return (await all(dump(directory, options))) as Lines;
}

function kindsOf(lines: Lines): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const line of lines) {
    const kind = Object.keys(line)[0] as string;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

test("the znodes come in the order of an export, with data, stat and what is not open to all", async ({
  stopped,
}) => {
  const lines = await unharmed(stopped, () => linesOf(stopped));
  expect(lines.map(({ path }) => path)).toEqual([
    ...[
      "/",
      "/bytes",
      "/closed",
      "/config",
      "/config/a",
      "/config/a/b",
      "/config/a!b",
      "/container",
      "/locks",
    ],
    ...["/locks/report", "/locks/report/x-0000000000", "/locks/report/x-0000000001", "/member"],
  ]);
  const at = (path: string) => lines.find((line) => line.path === path);
  expect(at("/config")).toMatchObject({ data: "green", stat: { version: 0, numChildren: 2 } });
  expect(at("/config")).not.toHaveProperty("acl");
  expect(at("/bytes")).toMatchObject({ dataBase64: "AP8B", stat: { version: 1 } });
  expect(at("/closed")?.acl).toEqual([{ perms: ["read", "admin"], scheme: "digest", id: "ann:hash" }]);
});

test("what is in the log alone is dumped as what is in the tables, and so is what is in use", async ({
  killed,
  served,
}) => {
  const timeless = (lines: Lines) =>
    JSON.stringify(lines, (name, value) =>
      /^(writer|epoch|fenceHeader|[cm]timeMs)$/.test(name) ? null : value,
    );
  const dead = await unharmed(killed, () => linesOf(killed, { sessions: true, claims: true, history: true }));
  const live = await linesOf(served.directory, { sessions: true, claims: true, history: true });
  expect(timeless(live)).toBe(timeless(dead));
  expect(kindsOf(dead)).toEqual({ path: 13, session: 2, claim: 2, change: 15 });
});

test("sessions, claims, history and log come on demand, each by its name, and no secret with them", async ({
  killed,
}) => {
  const lines = await linesOf(killed, everything);
  expect(kindsOf(lines)).toEqual({ path: 13, session: 2, claim: 2, change: 15, entry: 18 });
  const of = (kind: string) => lines.flatMap((line) => (kind in line ? [line[kind]] : []));
  expect(of("session")).toContainEqual(
    expect.objectContaining({
      name: "worker",
      ephemerals: ["/locks/report/x-0000000000", "/member"],
    }),
  );
  expect(of("claim")).toMatchObject([
    { of: "/locks/report", state: "held", sessionName: "worker", metadata: { job: 1 } },
    { of: "/locks/report", state: "waiting", position: 1, sessionName: "waiter" },
  ]);
  expect(of("change")).toContainEqual(
    expect.objectContaining({ events: [expect.objectContaining({ type: "deleted", path: "/gone" })] }),
  );
  expect(of("entry").at(-1)).toMatchObject({ lsn: 18, commands: [{ type: "delete", path: "/gone" }] });
  expect(JSON.stringify(lines)).not.toContain("hash-of-");
});

test("a znode and what is below it is dumped alone; one that is not there is refused", async ({
  stopped,
}) => {
  const lines = await linesOf(stopped, { path: "/config/a" });
  expect(lines.map(({ path }) => path)).toEqual(["/config/a", "/config/a/b"]);
  await expect(linesOf(stopped, { path: "/none" })).rejects.toMatchObject({
    name: "OfflineError",
    message: "There is no znode /none.",
    isMissing: true,
  });
});
