// What becomes of a supervised command when what it holds is lost or in doubt: it is dead before another has it,
// whoever stands still, whatever the network does, and whoever is killed.

import { describe, expect } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { emptied, type Held, isEmptyGroup, ownTest, signalGroup, test } from "./fixture.ts";

const timeoutMs = 2000;
const short = ["--timeout-ms", String(timeoutMs)];
/** A command that does not want to end. */
const stubborn = 'trap "" TERM INT; while :; do sleep 0.05; done';
/** On a busy machine a server takes a while to start. */
const twoStartsWithinMs = 60_000;

/** Waits until another has the lock: whether the command was dead then, and its late write refused. */
async function nextGrant(client: Client, name: string, { group, fence }: Held): Promise<void> {
  const rival = await client.openSession();
  const wasDead = await rival.withLock(name, {}, () => isEmptyGroup(group));
  expect(wasDead).toBe(true);
  const late = client.set("/w", "late", { create: "upsert", fences: [fence] });
  await expect(late).rejects.toMatchObject({ code: "fence_stale" });
  await rival.close();
}

describe.concurrent("a command is dead before another has its lock", () => {
  test("when the network swallows everything: it is asked first [N14, N15]", async ({
    holding,
    proxy,
    client,
    unique: name,
  }) => {
    const held = await holding(["lock", name, ...short], 'trap "echo asked; exit 3" TERM; sleep 60 & wait');
    proxy.goDark();
    expect(await held.cli.line()).toBe("asked");
    await nextGrant(client, name, held);
    const reason = "the service has not confirmed the session in time";
    const stderr = expect.stringContaining(`treekeeper: the lock ${name} is lost: ${reason}\n`);
    expect(await held.cli.ended).toMatchObject({ code: 76, stderr });
  });

  test("when it does not listen, nor do those it has started", async ({
    holding,
    proxy,
    client,
    unique: name,
  }) => {
    const held = await holding(["lock", name, ...short], `(${stubborn}) & ${stubborn}`);
    proxy.goDark();
    await nextGrant(client, name, held);
    expect(await held.cli.ended).toMatchObject({ code: 76 });
  });

  test("when it is stopped", async ({ holding, proxy, client, unique: name }) => {
    const held = await holding(["lock", name, ...short], stubborn);
    signalGroup(held.group, "SIGSTOP");
    proxy.goDark();
    await nextGrant(client, name, held);
    expect(await held.cli.ended).toMatchObject({ code: 76 });
  });

  test("when its supervisor is stopped", async ({ holding, client, unique: name }) => {
    const held = await holding(["lock", name, ...short], stubborn);
    held.cli.signal("SIGSTOP");
    await nextGrant(client, name, held);
    held.cli.signal("SIGCONT");
    expect(await held.cli.ended).toMatchObject({ code: 76 });
  });

  test("when its supervisor is killed", async ({ holding, client, unique: name }) => {
    const held = await holding(["lock", name, ...short], `(${stubborn}) & ${stubborn}`);
    held.cli.signal("SIGKILL");
    await emptied(held.group);
    await nextGrant(client, name, held);
  });

  test("when the watchdog is killed", async ({ holding, client, unique: name }) => {
    const held = await holding(["lock", name, ...short], stubborn);
    process.kill(held.cli.watchdog, "SIGKILL");
    await nextGrant(client, name, held);
    expect(await held.cli.ended).toMatchObject({ code: 76, stderr: expect.stringContaining("watchdog") });
  });

  test("when it was stopped with Ctrl-Z for too long", async ({ holding, client, unique: name }) => {
    const held = await holding(["lock", name, ...short], stubborn);
    held.cli.signal("SIGTSTP");
    await nextGrant(client, name, held);
    held.cli.signal("SIGCONT");
    expect(await held.cli.ended).toMatchObject({ code: 76 });
  });
});

describe.concurrent("a command whose lock is gone", () => {
  // How soon, the trials count (docs/trials.md): on a busy machine that says how busy it is.
  test("is dead when all wake that stood still together, and what it writes late is refused [N14]", async ({
    holding,
    client,
    unique: name,
  }) => {
    const held = await holding(["lock", name, ...short], stubborn);
    const { watchdog } = held.cli;
    for (const pid of [watchdog, held.cli.pid, -held.group]) process.kill(pid, "SIGSTOP");
    const rival = await client.openSession();
    await rival.withLock(name, {}, async () => {
      for (const pid of [-held.group, held.cli.pid, watchdog]) process.kill(pid, "SIGCONT");
      await emptied(held.group);
      const late = client.set("/w", "late", { create: "upsert", fences: [held.fence] });
      await expect(late).rejects.toMatchObject({ code: "fence_stale" });
    });
    await rival.close();
    expect(await held.cli.ended).toMatchObject({ code: 76 });
  });

  test("is ended at once when its claim was taken away by force", async ({
    holding,
    client,
    unique: name,
  }) => {
    const held = await holding(["lock", name, "--timeout-ms", "60000"], stubborn);
    await client.delete(held.fence.path);
    expect(await held.cli.ended).toMatchObject({ code: 76, stderr: expect.stringContaining("taken away") });
    expect(isEmptyGroup(held.group)).toBe(true);
  });

  ownTest(
    "is ended in time when the server is killed and does not come back",
    async ({ holding, server, unique: name }) => {
      const held = await holding(["lock", name, ...short], stubborn);
      await server.kill();
      const killedAtMs = performance.now();
      await emptied(held.group);
      expect(performance.now() - killedAtMs).toBeLessThan(timeoutMs);
      expect(await held.cli.ended).toMatchObject({ code: 76 });
    },
  );

  ownTest(
    "goes on when the server was killed and has come back in time [N13]",
    async ({ holding, server, start, proxy, client, unique: name }) => {
      const held = await holding(
        ["lock", name, "--timeout-ms", "20000"],
        'trap "exit 6" TERM; sleep 60 & wait',
      );
      await server.kill();
      proxy.leadTo((await start("--port", new URL(server.url).port)).url);
      expect((await client.exists(held.fence.path))?.czxid).toBe(held.fence.czxid);
      held.cli.signal("SIGTERM");
      expect(await held.cli.ended).toMatchObject({ code: 6, stderr: "" });
    },
    twoStartsWithinMs,
  );
});
