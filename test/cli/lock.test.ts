// `treekeeper lock` as scripts use it: what the command is told, how it ends, and when the lock is given back.

import { describe, expect } from "vitest";
import { continued, emptied, isEmptyGroup, stopped, test } from "./fixture.ts";

describe("lock", () => {
  test("ends as its command does, which finds its fence in the environment", async ({ cli, run, client }) => {
    const script =
      'echo "$TREEKEEPER_LOCK $TREEKEEPER_FENCE $TREEKEEPER_FENCE_ZXID $TREEKEEPER_ENDPOINT"; exit 7';
    const ended = await run("lock", "report", "--", "sh", "-c", script);
    expect(ended).toMatchObject({ code: 7, stderr: "" });
    const [name, fence = "", zxid, endpoint] = ended.stdout.trim().split(" ");
    expect([name, endpoint]).toEqual(["report", expect.stringMatching(/^http:/)]);
    expect(fence).toMatch(new RegExp(`^/locks/report/x-0000000000@${zxid}\\.[0-9a-f]{10}$`));
    const late = cli(["set", "/w", "late", "--create"], { env: { TREEKEEPER_FENCE: fence } });
    expect(await late.ended).toMatchObject({ code: 4, stderr: expect.stringContaining("fence_stale") });
    expect(await run("lock", "report", "--", "sh", "-c", "kill -9 $$")).toMatchObject({ code: 137 });
    expect(await run("lock", "report", "--", "no-such-program")).toMatchObject({ code: 127 });
    for await (const session of client.sessions()) expect(session.name).not.toBe("lock report");
  });

  test("hands its input and output to the command", async ({ cli, unique: name }) => {
    expect(await cli(["lock", name, "--", "cat"], { input: "through" }).ended).toMatchObject({
      stdout: "through",
    });
  });

  test("waits no longer than it is told, and leaves no place in the queue behind", async ({
    holding,
    run,
    client,
    unique: name,
  }) => {
    const { cli } = await holding(["lock", name], "sleep 60");
    for (const waitMs of ["0", "300"]) {
      const late = await run("lock", name, "--wait-ms", waitMs, "--", "echo", "ran");
      expect(late).toMatchObject({ code: 75, stdout: "" });
    }
    expect((await client.childrenPage(`/locks/${name}`)).children.length).toBe(1);
    cli.signal("SIGTERM");
    expect(await cli.ended).toMatchObject({ code: 143, stderr: "" });
  });

  test("gives up its place when it is interrupted while it waits", async ({
    holding,
    cli,
    client,
    unique: name,
  }) => {
    await holding(["lock", name], "sleep 60");
    const { zxid } = await client.childrenPage(`/locks/${name}`);
    const waiting = cli(["lock", name, "--", "echo", "ran"]);
    const queue = await client.childrenPage(`/locks/${name}`, { waitAfterZxid: zxid, waitMs: 20_000 });
    expect(queue.children.length).toBe(2);
    waiting.signal("SIGINT");
    expect(await waiting.ended).toMatchObject({ code: 130, stdout: "", stderr: "" });
    expect((await client.childrenPage(`/locks/${name}`)).children.length).toBe(1);
  });

  test("passes signals on to all of the command, which decides what comes of them", async ({
    holding,
    unique: name,
  }) => {
    // A job of the shell could miss the signal between its fork and its exec, and be waited for.
    const asked = (act: string) => `trap '${act}' USR2; echo ready; while :; do sleep 0.1; done`;
    const script = `(${asked("echo child; exit 0")}) & child=$!; ${asked("wait $child; echo parent; exit 9")}`;
    const { cli, group } = await holding(["lock", name], script);
    expect([await cli.line(), await cli.line()]).toEqual(["ready", "ready"]);
    cli.signal("SIGUSR2");
    expect([await cli.line(), await cli.line()].sort()).toEqual(["child", "parent"]);
    expect(await cli.ended).toMatchObject({ code: 9 });
    expect(isEmptyGroup(group)).toBe(true);
  });

  test("gives the lock back when all of the group has gone, and ends what the command left behind", async ({
    holding,
    client,
    unique: name,
  }) => {
    const script = '(trap "" TERM; while :; do sleep 0.1; done) & exit 5';
    const { cli, group } = await holding(["lock", name, "--grace-ms", "300"], script);
    const rival = await client.openSession();
    expect(await rival.withLock(name, {}, () => isEmptyGroup(group))).toBe(true);
    expect(await cli.ended).toMatchObject({ code: 5, stderr: "" });
    await rival.close();
  });

  test("runs as many at once as there are permits, or share it", async ({ holding, run, unique: name }) => {
    await holding(["lock", name, "--permits", "2"], "sleep 60");
    expect(await run("lock", name, "--permits", "2", "-w", "0", "--", "true")).toMatchObject({ code: 0 });
    await holding(["lock", `${name}-shared`, "--shared"], "sleep 60");
    expect(await run("lock", `${name}-shared`, "--shared", "-w", "0", "--", "true")).toMatchObject({
      code: 0,
    });
    expect(await run("lock", `${name}-shared`, "-w", "0", "--", "true")).toMatchObject({ code: 75 });
  });

  test("stops with its command on Ctrl-Z, and goes on with it", async ({ holding, unique: name }) => {
    const { cli, group } = await holding(
      ["lock", name, "--timeout-ms", "20000"],
      "trap 'exit 4' USR1; sleep 60 & wait",
    );
    cli.signal("SIGTSTP");
    await Promise.all([stopped(group), stopped(cli.pid)]);
    cli.signal("SIGCONT");
    await continued(group);
    cli.signal("SIGUSR1");
    expect(await cli.ended).toMatchObject({ code: 4, stderr: "" });
    await emptied(group);
  });
});
