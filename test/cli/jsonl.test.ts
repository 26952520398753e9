// `--jsonl` of lock, elect and register: what happens is told to programs, in order, whether or not they read it.

import { join } from "node:path";
import { describe, expect } from "vitest";
import { Http } from "../support/http.ts";
import { type CliProcess, test } from "./fixture.ts";
import { eventsIn, namesOf, type Told } from "./told.ts";

async function nextEvent(cli: CliProcess): Promise<Told> {
  return JSON.parse(await cli.line());
}

/** All that is told up to this one. */
async function untilTold(cli: CliProcess, name: string): Promise<Told[]> {
  const events = [await nextEvent(cli)];
  while (events.at(-1)?.event !== name) events.push(await nextEvent(cli));
  return events;
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
      { event: "exited", ...subject, code: 7, signal: null, reason: null },
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
      { event: "exited", ...subject, code: null, signal: "SIGKILL", reason: null },
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

  test("tells why a command cannot be run, which people are told once", async ({
    run,
    dataDir,
    unique: name,
  }) => {
    const file = join(dataDir, "events");
    const ended = await run("lock", name, "--jsonl", file, "--", "no-such-program");
    const reason = "no-such-program cannot be run (ENOENT).";
    expect(ended).toMatchObject({ code: 127, stderr: `treekeeper: ${reason}\n` });
    const events = eventsIn(file);
    expect(namesOf(events)).toEqual(["held", "exited", "released", "ended"]);
    expect([events[1], events[3]]).toMatchObject([
      { code: 127, signal: null, reason },
      { code: 127, reason },
    ]);
  });
});
