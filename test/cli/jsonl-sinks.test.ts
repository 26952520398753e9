// Where `--jsonl` writes: to files, pipes and sockets, whoever else writes there, and whether or not anybody reads. The
// command and its supervisor are not held up by it, and what got lost is said.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect } from "vitest";
import { announced, test as base } from "./fixture.ts";
import { eventsIn, namesOf, toldIn } from "./told.ts";

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const wholeStory = ["held", "started", "exited", "released", "ended"];

interface SinkFixture {
  /** A socket whose reader reads nothing. */
  silentReader: string;
}

const test = base.extend<SinkFixture>({
  // It needs `cli` so as to go first: what waits for it all the same does not wait for ever.
  silentReader: async ({ cli: _, dataDir }, use) => {
    const path = join(dataDir, "socket");
    const readers: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (reader) => readers.push(reader)).listen(path);
    await once(server, "listening");
    await use(path);
    for (const reader of readers) reader.destroy();
    server.close();
  },
});

function makePipe(folder: string): { readonly file: string; readonly reader: number } {
  const file = join(folder, "pipe");
  execFileSync("mkfifo", [file]);
  return { file, reader: openSync(file, O_RDONLY | O_NONBLOCK) };
}

/** Until nothing more fits in. */
function fill(file: string): void {
  const writer = openSync(file, O_WRONLY | O_NONBLOCK);
  try {
    while (true) writeSync(writer, "x".repeat(1024));
  } catch (error) {
    expect(error).toMatchObject({ code: "EAGAIN" });
  }
  closeSync(writer);
}

/** Puts a command behind redirections; `$0` in them is the file. */
function redirected(redirections: string, file: string) {
  return { within: ["bash", "-c", `exec "$@" ${redirections}`, file] };
}

describe.concurrent("--jsonl, where it writes", () => {
  test("is a descriptor that is open, which the command does not get", async ({
    cli,
    dataDir,
    unique: name,
  }) => {
    const file = join(dataDir, "events");
    const command = ["sh", "-c", "[ -e /proc/$$/fd/3 ] && echo open || echo closed; [ -e /proc/$$/fd/4 ]"];
    const args = ["lock", name, "--jsonl", "3", "--", ...command];
    const { code, stdout } = await cli(args, redirected('3>"$0" 4>"$0.other"', file)).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "closed\n" });
    expect(namesOf(eventsIn(file))).toEqual(wholeStory);
  });

  test("is a pipe that is standard output too, or the null device", async ({ cli, unique: name }) => {
    const args = ["lock", name, "--jsonl", "3", "--", "echo", "done"];
    const piped = await cli(args, { within: ["bash", "-c", '"$@" 3>&1 | cat', "bash"] }).ended;
    expect(namesOf(toldIn(piped.stdout))).toEqual(wholeStory);
    expect(piped.stdout).toMatch(/^done$/m);
    const silent = await cli(args, redirected("3>/dev/null", "")).ended;
    expect(silent).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
  });

  test("is a file to which the command writes as well: neither loses anything", async ({
    cli,
    dataDir,
    unique: name,
  }) => {
    for (const [where, redirections] of [
      ["-", '>"$0"'],
      ["2", '2>"$0"'],
      ["/dev/stdout", '>"$0"'],
    ] as const) {
      const file = join(dataDir, "both");
      const script = where === "2" ? "seq 50 >&2" : "seq 50";
      const args = ["lock", name, "--jsonl", where, "--", "sh", "-c", script];
      expect(await cli(args, redirected(redirections, file)).ended).toMatchObject({ code: 0 });
      const lines = readFileSync(file, "utf8").trimEnd().split("\n");
      expect(namesOf(toldIn(lines.join("\n")))).toEqual(wholeStory);
      expect(lines.filter((line) => !line.startsWith("{"))).toEqual(
        Array.from({ length: 50 }, (_, index) => String(index + 1)),
      );
    }
  });

  test("is a file whose last line has no end: it is given one", async ({ cli, dataDir, unique: name }) => {
    for (const [where, redirections] of [
      ["file", ""],
      ["3", '3>>"$0"'],
      ["3", '3<>"$0" && read -r -n 4 <&3'],
    ] as const) {
      const file = join(dataDir, "events");
      writeFileSync(file, "half");
      const args = ["lock", name, "--jsonl", where === "file" ? file : where, "--", "true"];
      const script = redirections.includes("&&")
        ? `exec ${redirections}; exec "$@"`
        : `exec "$@" ${redirections}`;
      await cli(args, { within: ["bash", "-c", script, file] }).ended;
      expect(readFileSync(file, "utf8")).toMatch(/^half\n\{/);
      expect(namesOf(eventsIn(file))).toEqual(wholeStory);
    }
  });

  test("is refused where nothing can be written, before anything is begun", async ({
    cli,
    dataDir,
    unique: name,
  }) => {
    const file = join(dataDir, "read-only");
    writeFileSync(file, "as it was");
    for (const [where, code] of [
      [join(dataDir, "nowhere/events"), "ENOENT"],
      ["250", "EBADF"],
      // Pipes of Node's own.
      ...["6", "8", "14"].map((number) => [number, "EBADF"] as const),
      ["3", "EBADF"],
      ["/dev/fd/3", "EBADF"],
    ] as const) {
      const ended = await cli(
        ["lock", name, "--jsonl", where, "--", "echo", "ran"],
        redirected('3<"$0"', file),
      ).ended;
      const stderr = `treekeeper: --jsonl ${where}: it cannot be written to (${code}).\n`;
      expect(ended).toMatchObject({ code: 2, stdout: "", stderr });
    }
    expect(readFileSync(file, "utf8")).toBe("as it was");
  });

  test("is left as it is when another option is refused", async ({ run, dataDir, unique: name }) => {
    const file = join(dataDir, "events");
    const ended = await run("lock", name, "--grace-ms", "99999999", "--jsonl", file, "--", "true");
    expect(ended).toMatchObject({ code: 2 });
    expect(existsSync(file)).toBe(false);
  });
});

describe.concurrent("--jsonl, when it cannot write", () => {
  test("goes on without a reader that has gone, and says so", async ({
    cli,
    client,
    dataDir,
    unique: name,
  }) => {
    const { file, reader } = makePipe(dataDir);
    const first = cli(["lock", name, "--", ...announced("sleep 60")]);
    await first.line();
    const { zxid } = await client.childrenPage(`/locks/${name}`);
    const second = cli(["lock", name, "--jsonl", file, "--", "echo", "done"]);
    await client.childrenPage(`/locks/${name}`, { waitAfterZxid: zxid, waitMs: 20_000 });
    closeSync(reader);
    first.signal("SIGTERM");
    const stderr = expect.stringMatching(
      /^treekeeper: [56] events were left out, since they could not be written \(EPIPE\)\n$/,
    );
    expect(await second.ended).toMatchObject({ code: 0, stdout: "done\n", stderr });
  });

  test("holds up nobody when nobody reads a pipe", async ({ run, dataDir, unique: name }) => {
    const { file, reader } = makePipe(dataDir);
    fill(file);
    const ended = await run("lock", name, "--jsonl", file, "--", "echo", "done");
    expect(ended).toMatchObject({ code: 0, stdout: "done\n" });
    expect(ended.stderr).toContain("5 events were left out, since nobody read them");
    closeSync(reader);
  });

  test.for(["1", "3"])(
    "holds up nobody when nobody reads a socket, descriptor %s",
    async (descriptor, { cli, silentReader: path, unique: name }) => {
      // What comes of the signal is the command's choice, if its supervisor is there to pass it on.
      const script = 'trap "echo heard >&2; exit 5" TERM; kill -TERM $PPID; while :; do sleep 0.1; done';
      const where = descriptor === "1" ? "-" : descriptor;
      const { code, stderr } = await cli(
        ["lock", name, "--timeout-ms", "4000", "--jsonl", where, "--", "sh", "-c", script],
        { within: [process.execPath, "-e", withFullSocket, path, descriptor] },
      ).ended;
      expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringContaining("heard\n") });
      expect(stderr).toContain("5 events were left out, since nobody read them");
    },
  );

  test("tells a reader that was slow how many it has missed, where they would have been", async ({
    cli,
    dataDir,
    unique: name,
  }) => {
    const { file, reader } = makePipe(dataDir);
    // Its name is in the event: a few of them are more than what is kept.
    const args = ["elect", name, "--pause-ms", "0", "--jsonl", file, "--", `/${"x".repeat(30_000)}`];
    const elected = cli(args);
    await elected.hasSaid("standing again", 8);
    const lines = createInterface({ input: new Socket({ fd: reader, readable: true, writable: false }) });
    let text = "";
    for await (const line of lines) {
      if (text.includes('"left_out"')) elected.signal("SIGTERM");
      text += `${line}\n`;
    }
    const events = toldIn(text);
    const place = events.findIndex(({ event }) => event === "left_out");
    const counts = events.map((event) => (event.event === "left_out" ? event.count : 0));
    const missed = counts.reduce((sum, count) => sum + count, 0);
    // Each term has the same events, so that what follows says how many there were before it.
    const term = ["elected", "exited", "resigned"];
    const untilThen = Array.from({ length: place + (counts[place] ?? 0) + 1 }, (_, index) => term[index % 3]);
    expect(namesOf(events.slice(0, place))).toEqual(untilThen.slice(0, place));
    expect(events[place + 1]?.event).toBe(untilThen.at(-1));
    expect(events.at(-1)).toMatchObject({ event: "ended", kind: "election", name });
    expect((await elected.ended).stderr).toContain(`${missed} events were left out, since nobody read them`);
  });

  test("says what a full disk has cost", async ({ run, unique: name }) => {
    const ended = await run("lock", name, "--jsonl", "/dev/full", "--", "echo", "done");
    const stderr = "treekeeper: 5 events were left out, since they could not be written (ENOSPC)\n";
    expect(ended).toMatchObject({ code: 0, stdout: "done\n", stderr });
  });

  test("goes on when there is room again, on a line of its own", async ({ cli, dataDir, unique: name }) => {
    const file = join(dataDir, "events");
    const before = `${"x".repeat(999)}\n`;
    // A block of 1024 bytes is the most a file may have, so that half a line still fits.
    const within = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash"];
    const env = { NODE_DISABLE_COMPILE_CACHE: "1" };
    writeFileSync(file, before);
    const full = await cli(["lock", name, "--jsonl", file, "--", "true"], { within, env }).ended;
    expect(full.stderr).toContain("5 events were left out, since they could not be written (EFBIG)");
    expect(readFileSync(file, "utf8").length).toBe(1024);
    await cli(["lock", name, "--jsonl", file, "--", "true"]).ended;
    const [, half, ...lines] = readFileSync(file, "utf8").split("\n");
    expect(half?.length).toBe(24);
    expect(namesOf(toldIn(lines.join("\n")))).toEqual(wholeStory);

    writeFileSync(file, before);
    const command = ["sh", "-c", ': >"$0"', file];
    const emptied = await cli(["lock", name, "--jsonl", file, "--", ...command], { within, env }).ended;
    const [first, ...others] = eventsIn(file);
    const count = wholeStory.length - others.length;
    expect(first).toMatchObject({ event: "left_out", kind: "lock", name, count });
    expect(namesOf(others)).toEqual(wholeStory.slice(count));
    expect(emptied.stderr).toMatch(new RegExp(`${count} events? (was|were) left out, .*EFBIG`));
  });
});

/** Runs what follows with one end of a socket as that descriptor, into which nothing fits any more. */
const withFullSocket = `
  const { spawn, spawnSync } = require("node:child_process");
  const { writeSync } = require("node:fs");
  const [path, descriptor, program, ...args] = process.argv.slice(1);
  const socket = require("node:net").connect(path, () => {
    const { fd } = socket._handle;
    try {
      while (true) writeSync(fd, "x".repeat(1024));
    } catch {}
    // A child whose standard output it is makes it one that waits.
    spawnSync("true", [], { stdio: ["ignore", fd, "ignore"] });
    const stdio = descriptor === "1" ? [0, fd, 2] : [0, 1, 2, fd];
    spawn(program, args, { stdio }).on("exit", (code) => process.exit(code));
  });
`;
