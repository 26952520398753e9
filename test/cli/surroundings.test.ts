// What a command finds around it under `treekeeper lock`: what it would find without, as under flock.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, vi } from "vitest";
import { processEntry } from "../../src/cli/supervisor/process-table.ts";
import { projectFolder } from "../support/markdown.ts";
import { cliFile } from "../support/programs.ts";
import { test as base } from "./fixture.ts";

/** Several programs start one after the other in each, and all tests at once. */
vi.setConfig({ testTimeout: 180_000 });

interface Shell {
  readonly child: ChildProcess;
  /** Resolves when it has printed this. */
  readonly hasSaid: (words: string) => Promise<void>;
  readonly said: () => string;
  /** All it printed, when it has ended. */
  readonly output: Promise<string>;
}

interface ShellFixture {
  /** Starts a shell script; `$treekeeper`, unquoted, is the command line in it, and `$name` is nobody else's. */
  shell: (script: string, wrapper?: readonly string[]) => Shell;
}

const test = base.extend<ShellFixture>({
  shell: async ({ server, unique }, use) => {
    const children: ChildProcess[] = [];
    await use((script, wrapper = []) => {
      const [program = "bash", ...args] = [...wrapper, "bash", "-c", script];
      const child = spawn(
        program,
        wrapper.length === 0 ? args : [...args.slice(0, -3), `bash -c '${script}'`],
        {
          detached: true,
          stdio: ["pipe", "pipe", "pipe"],
          env: {
            ...process.env,
            treekeeper: `${process.execPath} ${cliFile}`,
            launcher: join(projectFolder, "bin/treekeeper"),
            TREEKEEPER_ENDPOINT: server.url,
            name: unique,
          },
        },
      );
      children.push(child);
      let said = "";
      child.stdout?.setEncoding("utf8").on("data", (part) => {
        said += part;
      });
      const hasSaid = async (words: string) => {
        while (!said.includes(words)) await once(child.stdout as NodeJS.ReadableStream, "data");
      };
      const output = once(child, "close").then(() => said.replaceAll("\r", ""));
      return { child, hasSaid, said: () => said, output };
    });
    for (const child of children) child.kill("SIGKILL");
  },
});

const terminal = ["script", "-qe", "/dev/null", "-c"];
const hasTerminal = spawnSync("bash", ["-c", "command -v script"]).status === 0;

describe.concurrent("a command that is run while something is held", () => {
  test("has the whole environment, whatever its names", async ({ shell }) => {
    const { output } = shell(`
      greet() { echo hello; }; export -f greet
      show="greet; env | grep -E '^(spring|A-B|version)' | sort"
      for treekeeper in "$treekeeper" "$launcher"; do
        env spring.profiles.active=prod A-B=c version='2
3' $treekeeper lock $name -- bash -c "$show"
      done`);
    const shown = "hello\nA-B=c\nspring.profiles.active=prod\nversion=2\n";
    expect(await output).toBe(shown + shown);
  });

  test("has the descriptors that were open, and no others", async ({ shell }) => {
    const { output } = shell(`
      exec 3</etc/hostname 9<<<nine 12>&1
      show='echo /proc/self/fd/*'
      [ "$(bash -c "$show")" = "$($treekeeper lock $name -- bash -c "read nine <&9; test \\$nine = nine && echo twelve >&12; $show")" ] && echo same`);
    expect(await output).toBe("twelve\nsame\n");
  });

  test("survives the hangup that nohup makes it ignore, alone or around a script", async ({ shell }) => {
    const command = "sh -c 'kill -HUP $$; kill -HUP $PPID; echo survived; read end; echo $end'";
    const { output, child, hasSaid } = shell(`
      (read end; echo "$end") | nohup $treekeeper lock $name -- ${command} 2>&1
      nohup bash -c '$treekeeper lock $name -- sh -c "kill -HUP \\$\\$; echo also"; true' 2>&1
      nohup bash -c '$launcher lock $name -- sh -c "kill -HUP \\$\\$; echo too"' 2>&1`);
    await hasSaid("survived");
    child.stdin?.end("the end\n");
    expect(await output).toBe("survived\nthe end\nalso\ntoo\n");
  });

  test("is told of a hangup otherwise", async ({ shell }) => {
    const { output } = shell(
      `$treekeeper lock $name -- sh -c 'trap "echo reloaded; exit" HUP; kill -HUP $PPID; while :; do sleep 0.1; done'`,
    );
    expect(await output).toBe("reloaded\n");
  });

  test("has its own fence behind those around it, where they are of the same service", async ({ shell }) => {
    const show = `sh -c 'echo $TREEKEEPER_FENCE'`;
    const { output } = shell(`
      $treekeeper lock $name-a -- $treekeeper lock $name-b -- ${show}
      $treekeeper lock $name-a -- $treekeeper --endpoint $TREEKEEPER_ENDPOINT/ lock $name-b -- ${show}`);
    const [both, inner] = (await output).split("\n");
    expect(both).toMatch(/^\/locks\/\w+-a\/x-0000000000@\d+\.\w+,\/locks\/\w+-b\/x-0000000000@\d+\.\w+$/);
    expect(inner).toMatch(/^\/locks\/\w+-b\/x-0000000001@\d+\.\w+$/);
  });
});

describe.skipIf(!hasTerminal).concurrent("a command that is run at a terminal (needs `script`)", () => {
  test("can ask there for a password", async ({ shell }) => {
    const { child, hasSaid, output } = shell(
      `$treekeeper lock $name -- sh -c "printf password: >/dev/tty; read word </dev/tty; echo got \\$word"`,
      terminal,
    );
    await hasSaid("password:");
    child.stdin?.write("secret\n");
    expect(await output).toContain("got secret\n");
  });

  test("has the descriptors that were open there, and no others", async ({ shell }) => {
    const { output } = shell(
      `exec 3>&1; show="echo /proc/self/fd/*"; bash -c "$show"; $treekeeper lock $name -- bash -c "$show"`,
      terminal,
    );
    const [without, within] = (await output).split("\n").filter((line) => line.startsWith("/proc"));
    expect(without).toContain("/proc/self/fd/3");
    expect(within).toBe(without);
  });

  test("hears Ctrl-C once, and decides what comes of it", async ({ shell }) => {
    const { child, hasSaid, output } = shell(
      `$treekeeper lock $name -- sh -c "trap \\"echo heard\\" INT; echo ready; read a; read b; echo end" </dev/tty; echo code $?`,
      terminal,
    );
    await hasSaid("ready");
    child.stdin?.write("\u0003");
    await hasSaid("heard");
    child.stdin?.write("one\ntwo\nthree\n");
    const said = await output;
    expect(said.match(/heard/g)?.length).toBe(1);
    expect(said).toMatch(/end\n.*code 0\n/s);
  });

  test("is ended when its supervisor is killed, though they share a session", async ({ shell }) => {
    const { hasSaid, output, said } = shell(
      `$treekeeper lock $name -- sh -c "trap "" HUP INT TERM; echo pid $$ ready; while :; do sleep 0.1; done"`,
      terminal,
    );
    await hasSaid("ready");
    const [, pid = ""] = /pid (\d+) ready/.exec(said()) ?? [];
    process.kill(processEntry(pid)?.parent as number, "SIGKILL");
    await output;
    while (processEntry(pid) !== null) await pause(2);
  });
});
