// Completion scripts are made of the table of commands; each shell that is installed is asked what it makes of its own.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { shells } from "../../src/cli/completion.ts";
import { projectFolder } from "../support/markdown.ts";
import { CliProcess, test } from "./fixture.ts";

/** What bash offers after these words. */
async function offered(words: readonly string[], endpoint: string): Promise<string[]> {
  const { stdout: script } = await new CliProcess(["completion", "bash"], {}).ended;
  const program = `treekeeper() { '${process.execPath}' '${projectFolder}/src/cli/main.ts' "$@"; }`;
  const ask = `COMP_WORDS=(treekeeper "$@"); COMP_CWORD=$#; compopt() { :; }; _treekeeper; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const answer = execFileSync("bash", ["-c", `${program}\n${script}\n${ask}`, "bash", ...words], {
    encoding: "utf8",
    env: { ...process.env, TREEKEEPER_ENDPOINT: endpoint },
  });
  return answer.trim().split("\n");
}

describe("completion", () => {
  test("bash completes commands, options and znode paths", async ({ client, server }) => {
    await client.create("/config/colour", "", { parents: true });
    await client.create("/config/count");
    const { url } = server;
    expect(await offered(["ex"], url)).toEqual(["export"]);
    expect(await offered(["lock", "--wait"], url)).toEqual(["--wait-ms"]);
    expect(await offered(["session", "k"], url)).toEqual(["keepalive"]);
    expect(await offered(["get", "/con"], url)).toEqual(["/config"]);
    expect(await offered(["--json", "get", "/config/co"], url)).toEqual(["/config/colour", "/config/count"]);
  });

  test("a name is text to bash, whatever it would be as a command", async ({ client, server, dataDir }) => {
    const trap = join(dataDir, "sprung").replaceAll("/", `\${HOME:0:1}`);
    const names = [`$(touch ${trap})`, `\`touch ${trap}\``, "a b;c 'd' \"e\"", "$HOME", "*", "back\\slash"];
    for (const name of names) await client.create(`/names/${name}`, "", { parents: true });
    await client.create("/two words/inside", "", { parents: true });
    const all = await offered(["get", "/names/"], server.url);
    const read = execFileSync("bash", ["-c", `printf '%s\\n' ${all.join(" ")}`], { encoding: "utf8" });
    expect(read.trim().split("\n").sort()).toEqual(names.map((name) => `/names/${name}`).sort());
    expect(await offered(["get", "/names/\\$H"], server.url)).toEqual(["/names/\\$HOME"]);
    expect(await offered(["get", "/two\\ words/in"], server.url)).toEqual(["/two\\ words/inside"]);
    expect(existsSync(join(dataDir, "sprung"))).toBe(false);
  });

  test("each shell's script names every command, and the shell can read it", async () => {
    const { stdout: help } = await new CliProcess(["--help"], {}).ended;
    const commands = Array.from(
      help.matchAll(/^ {2}([a-z]+) .*(?:\[|<| {2})/gm),
      ([, name]) => name as string,
    );
    expect(commands.length).toBeGreaterThan(15);
    for (const shell of shells) {
      const { code, stdout } = await new CliProcess(["completion", shell], {}).ended;
      expect([code, commands.filter((name) => name !== "help" && !stdout.includes(name))]).toEqual([0, []]);
      const read = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" });
      if (read.error === undefined) expect([read.status, read.stderr]).toEqual([0, ""]);
    }
  });
});
