import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { test } from "./sqlite-fixture.ts";

const script = fileURLToPath(new URL("./append-until-killed.ts", import.meta.url));

test("no acknowledged entry is lost when the process is killed, five times over [G4]", async ({
  open,
  directory,
}) => {
  let acknowledged = 0;
  for (let round = 1; round <= 5; round += 1) {
    acknowledged = await appendAndKill(directory, acknowledged + 150 + 7 * round);
    const sqlite = await open();
    const { loaded } = sqlite;
    expect(loaded.wasUnclean).toBe(true);
    const { appliedLsn } = loaded.position;
    expect(new TextDecoder().decode(loaded.state.tree.get("/")?.data)).toBe(String(appliedLsn));
    const tail = await sqlite.log.tail();
    expect(tail).toBeGreaterThanOrEqual(acknowledged);
    const { promise: replayed, resolve } = Promise.withResolvers<number[]>();
    const lsns: number[] = [];
    sqlite.log.follow(appliedLsn, (entries) => {
      lsns.push(...entries.map(({ lsn }) => lsn));
      if (lsns.at(-1) === tail + 1) resolve(lsns);
    });
    await sqlite.log.append(1, new Uint8Array(1));
    expect(await replayed).toEqual(
      Array.from({ length: tail + 1 - appliedLsn }, (_, index) => appliedLsn + 1 + index),
    );
    await sqlite.close();
  }
});

/** Kills the process while it appends; answers the last entry it said was durable. */
async function appendAndKill(directory: string, killAfter: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [script, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  let last = 0;
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    last = Number(line);
    if (last >= killAfter) child.kill("SIGKILL");
  }
  await exit;
  return last;
}
