// `--jsonl` of lock, elect and register: what happens is told to programs, in order, whether or not they read it.

import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { LifecycleEvent, Subject } from "../../src/cli/supervisor/lifecycle.ts";
import { Http } from "../support/http.ts";
import { announced, type CliProcess, test } from "./fixture.ts";

type Told = LifecycleEvent & Subject & { readonly atMs: number };

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

function eventsIn(file: string): Told[] {
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function namesOf(events: readonly Told[]): string[] {
  return events.map(({ event }) => event);
}

async function nextEvent(cli: CliProcess): Promise<Told> {
  return JSON.parse(await cli.line());
}

/** All that is told up to this one. */
async function untilTold(cli: CliProcess, name: string): Promise<Told[]> {
  const events = [await nextEvent(cli)];
  while (events.at(-1)?.event !== name) events.push(await nextEvent(cli));
  return events;
}

/** A pipe that is full, with a reader that does not read. */
function fullPipe(folder: string): { readonly file: string; readonly close: () => void } {
  const file = join(folder, "pipe");
  execFileSync("mkfifo", [file]);
  const reader = openSync(file, O_RDONLY | O_NONBLOCK);
  const writer = openSync(file, O_WRONLY | O_NONBLOCK);
  try {
    while (true) writeSync(writer, "x".repeat(1024));
  } catch (error) {
    expect(error).toMatchObject({ code: "EAGAIN" });
  }
  return { file, close: () => [reader, writer].forEach(closeSync) };
}

describe.concurrent("--jsonl", () => {
  test("of lock tells how it is held, the command's beginning and end, and the release", async ({
    run,
    dataDir,
    unique: name,
  }) => {
    const file = join(dataDir, "events");
    const beforeMs = Date.now();
    const ended = await run(
      "lock",
      name,
      "--jsonl",
      file,
      "--",
      "sh",
      "-c",
      "echo $TREEKEEPER_FENCE; exit 7",
    );
    expect(ended).toMatchObject({ code: 7, stderr: "" });
    const events = eventsIn(file);
    const subject = { atMs: expect.any(Number), kind: "lock", name };
    const fenceHeader = ended.stdout.trim();
    const fence = Number(/@(\d+)/.exec(fenceHeader)?.[1]);
    expect(events).toEqual([
      { event: "held", ...subject, fence, fenceHeader, validForMs: expect.any(Number) },
      { event: "started", ...subject, pid: expect.any(Number) },
      { event: "exited", ...subject, code: 7, signal: null },
      { event: "released", ...subject },
      { event: "ended", ...subject, code: 7, reason: null },
    ]);
    const times = events.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(times[0]).toBeGreaterThanOrEqual(beforeMs);
    // Another one goes on where this has ended.
    await run("lock", name, "--jsonl", file, "--", "sh", "-c", "kill -9 $$");
    expect(eventsIn(file).slice(events.length)).toEqual([
      ...[expect.objectContaining({ event: "held" }), expect.objectContaining({ event: "started" })],
      { event: "exited", ...subject, code: null, signal: "SIGKILL" },
      { event: "released", ...subject },
      { event: "ended", ...subject, code: 137, reason: null },
    ]);
  });

  test("of lock tells the place in the queue of who waits, and why it got no further", async ({
    cli,
    unique: name,
  }) => {
    const args = ["lock", name, "--jsonl", "-"];
    const first = cli([...args, "--", "sleep", "60"]);
    await untilTold(first, "started");
    const second = cli([...args, "--", "true"]);
    expect(await nextEvent(second)).toMatchObject({ event: "waiting", kind: "lock", name, position: 1 });
    const third = cli([...args, "--", "true"]);
    expect(await nextEvent(third)).toMatchObject({ event: "waiting", position: 2 });
    const hasty = cli([...args, "--wait-ms", "1", "--", "true"]);
    expect((await untilTold(hasty, "ended")).at(-1)).toMatchObject({
      ...{ event: "ended", code: 75 },
      reason: `The lock ${name} could not be acquired within 1 ms.`,
    });
    second.signal("SIGINT");
    expect(await nextEvent(second)).toMatchObject({ event: "ended", code: 130, reason: null });
    first.signal("SIGTERM");
    expect((await untilTold(first, "ended")).at(0)).toMatchObject({ event: "exited", signal: "SIGTERM" });
  });

  test("tells doubt when the service is silent, that it is over, or that all is lost [N14]", async ({
    cli,
    proxy,
    unique: name,
  }) => {
    const args = ["lock", name, "--jsonl", "-", "--timeout-ms", "8000"];
    const holder = cli([...args, "--", "sleep", "60"]);
    await untilTold(holder, "started");
    proxy.goDark();
    const doubt = await nextEvent(holder);
    expect(doubt).toMatchObject({ event: "suspended", validForMs: expect.any(Number) });
    proxy.goLight();
    const [confirmed] = await untilTold(holder, "confirmed");
    expect(confirmed).toMatchObject({ event: "confirmed", validForMs: expect.any(Number) });
    proxy.goDark();
    const end = await untilTold(holder, "ended");
    expect(namesOf(end)).toEqual(["suspended", "lost", "exited", "ended"]);
    expect(end.slice(1)).toMatchObject([
      { reason: "the service has not confirmed the session in time" },
      { code: null, signal: "SIGTERM" },
      { code: 76, reason: `the lock ${name} is lost: the service has not confirmed the session in time` },
    ]);
  });

  test("of elect tells each term", async ({ cli, unique: name }) => {
    const elected = cli(["elect", name, "--jsonl", "-", "--pause-ms", "0", "--", "true"]);
    const terms = [await untilTold(elected, "resigned"), await untilTold(elected, "resigned")];
    elected.signal("SIGTERM");
    const fences = terms.map(([first]) => (first?.event === "elected" ? first.fence : 0));
    expect(terms.map(namesOf)).toEqual(terms.map(() => ["elected", "started", "exited", "resigned"]));
    expect(fences[0]).toBeGreaterThan(0);
    expect(fences[1]).toBeGreaterThan(fences[0] as number);
    expect((await untilTold(elected, "ended")).at(-1)).toMatchObject({ kind: "election", name });
  });

  test("of register tells when the instance is listed, is not any more, and is again", async ({
    cli,
    proxy,
    unique: name,
  }) => {
    const args = ["register", name, "--port", "80", "--id", "a", "--timeout-ms", "2000", "--jsonl", "-"];
    const registered = cli([...args, "--", "sleep", "60"]);
    expect(await nextEvent(registered)).toMatchObject({
      event: "registered",
      kind: "service",
      name,
      id: "a",
    });
    expect(await nextEvent(registered)).toMatchObject({ event: "started" });
    proxy.goDark();
    expect(await nextEvent(registered)).toMatchObject({ event: "lost", reason: "the session is lost" });
    proxy.goLight();
    expect(await nextEvent(registered)).toMatchObject({ event: "registered", id: "a" });
    registered.signal("SIGTERM");
    const end = await untilTold(registered, "ended");
    expect(namesOf(end)).toEqual(["exited", "deregistered", "ended"]);
  });

  test("writes to a descriptor that is open, which the command does not get", async ({
    cli,
    dataDir,
    unique: name,
  }) => {
    const file = join(dataDir, "events");
    const command = ["sh", "-c", "[ -e /proc/$$/fd/3 ] && echo open || echo closed; [ -e /proc/$$/fd/4 ]"];
    const { code, stdout } = await cli(["lock", name, "--jsonl", "3", "--", ...command], {
      within: ["bash", "-c", 'exec "$@" 3>"$0" 4>"$0.other"', file],
    }).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "closed\n" });
    expect(namesOf(eventsIn(file))).toEqual(["held", "started", "exited", "released", "ended"]);
  });

  test("of elect tells that its place was taken away before it led", async ({
    cli,
    server,
    client,
    unique: name,
  }) => {
    const args = ["elect", name, "--jsonl", "-", "--pause-ms", "0", "--", "sleep", "60"];
    const leader = cli(args);
    await untilTold(leader, "started");
    const second = cli(args);
    expect(await nextEvent(second)).toMatchObject({ event: "waiting", position: 1 });
    const [, candidate] = (await client.childrenPage(`/elections/${name}`)).children;
    const url = `/v1/elections/${name}/candidates/${candidate}`;
    await new Http(server.url).delete(url, { query: "force=true" });
    expect(await nextEvent(second)).toMatchObject({
      event: "lost",
      reason: expect.stringContaining("no_claim"),
    });
    expect(await nextEvent(second)).toMatchObject({ event: "waiting", position: 1 });
    for (const one of [second, leader]) one.signal("SIGTERM");
  });

  test("goes on without a reader that has gone", async ({ cli, client, dataDir, unique: name }) => {
    const file = join(dataDir, "pipe");
    execFileSync("mkfifo", [file]);
    const reader = openSync(file, O_RDONLY | O_NONBLOCK);
    const first = cli(["lock", name, "--", ...announced("sleep 60")]);
    await first.line();
    const { zxid } = await client.childrenPage(`/locks/${name}`);
    const second = cli(["lock", name, "--jsonl", file, "--", "echo", "done"]);
    await client.childrenPage(`/locks/${name}`, { waitAfterZxid: zxid, waitMs: 20_000 });
    closeSync(reader);
    first.signal("SIGTERM");
    expect(await second.ended).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  });

  test("holds up nobody when nobody reads", async ({ run, dataDir, unique: name }) => {
    const { file, close } = fullPipe(dataDir);
    const ended = await run("lock", name, "--jsonl", file, "--", "echo", "done");
    expect(ended).toMatchObject({ code: 0, stdout: "done\n" });
    expect(ended.stderr).toContain("5 events were left out, since nobody read them");
    close();
  });

  test("is refused where nothing can be written, before anything is begun", async ({
    run,
    dataDir,
    unique: name,
  }) => {
    for (const [where, code] of [
      [join(dataDir, "nowhere/events"), "ENOENT"],
      ["250", "EBADF"],
    ] as const) {
      const ended = await run("lock", name, "--jsonl", where, "--", "echo", "ran");
      const stderr = `treekeeper: --jsonl ${where}: it cannot be written to (${code}).\n`;
      expect(ended).toMatchObject({ code: 2, stdout: "", stderr });
    }
  });
});
