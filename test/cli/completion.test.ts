// Completion scripts are made of the table of commands; each shell that is installed is asked what it makes of its own.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type Shell, shells } from "../../src/cli/completion.ts";
import { projectFolder } from "../support/markdown.ts";
import { cliFile } from "../support/programs.ts";
import { CliProcess, test } from "./fixture.ts";

/** Each script says the same of all commands: it is asked for once. */
const scripts = new Map<Shell, Promise<string>>();

function scriptFor(shell: Shell): Promise<string> {
  const known = scripts.get(shell);
  const script = known ?? new CliProcess(["completion", shell], {}).ended.then(({ stdout }) => stdout);
  scripts.set(shell, script);
  return script;
}

function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "true"]).error === undefined;
}

/** What bash offers after these words. */
async function offered(words: readonly string[], endpoint: string): Promise<string[]> {
  const script = await scriptFor("bash");
  const program = `treekeeper() { '${process.execPath}' '${cliFile}' "$@"; }`;
  const ask = `COMP_WORDS=(treekeeper "$@"); COMP_CWORD=$#; compopt() { :; }; _treekeeper; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const answer = execFileSync("bash", ["-c", `${program}\n${script}\n${ask}`, "bash", ...words], {
    encoding: "utf8",
    env: { ...process.env, TREEKEEPER_ENDPOINT: endpoint },
  });
  return answer.trim().split("\n");
}

/** What zsh is given to offer; `_files` and `_normal` are its own ways to offer files and what a command takes. */
async function offeredByZsh(words: readonly string[], endpoint: string): Promise<string[]> {
  const program = `treekeeper() { '${process.execPath}' '${cliFile}' "$@"; }`;
  const stubs = `
    compdef() { :; }
    _describe() { print -lr -- "\${(@P)2}" }
    compadd() { while [[ "$1" != -- ]]; do shift; done; shift; print -lr -- "$@" }
    _files() { print FILES }
    _normal() { print -r -- "NORMAL $CURRENT $words" }`;
  const ask = `words=(treekeeper "$@"); CURRENT=$(( $# + 1 )); PREFIX="\${(q)argv[-1]}"; _treekeeper`;
  const script = await scriptFor("zsh");
  return run("zsh", ["-f", "-c", `${program}\n${stubs}\n${script}\n${ask}`, "zsh", ...words], endpoint);
}

/** What fish offers at the end of this line, without what it says of each. */
async function offeredByFish(line: string, endpoint: string): Promise<string[]> {
  const program = `function treekeeper; '${process.execPath}' '${cliFile}' $argv; end`;
  const script = await scriptFor("fish");
  const lines = run("fish", ["-N", "-c", `${program}\n${script}\ncomplete -C '${line}'`], endpoint);
  return lines.map((one) => one.split("\t")[0] as string);
}

function run(shell: Shell, args: readonly string[], endpoint: string): string[] {
  const env = { ...process.env, TREEKEEPER_ENDPOINT: endpoint };
  return execFileSync(shell, args, { encoding: "utf8", env }).trim().split("\n");
}

/** Others can be asked at an address that leads nowhere: the line says where the service is. */
const nowhere = "http://127.0.0.1:9";

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

  test("bash completes settings, values, names, and what another endpoint has", async ({
    client,
    server,
  }) => {
    await client.create("/locks/alpha", "", { parents: true });
    await client.create("/services/web", "", { parents: true });
    const { url } = server;
    expect(await offered(["serve", "--data-d"], url)).toEqual(["--data-dir"]);
    expect(await offered(["watch", "/", "--scope", ""], url)).toEqual(["node", "children", "subtree"]);
    expect(await offered(["watch", "--scope", "=", "su"], url)).toEqual(["subtree"]);
    expect(await offered(["lock", "al"], url)).toEqual(["alpha"]);
    // bash takes an address apart at its colons.
    const [, host = "", port = ""] = /^http:\/\/(.*):(\d+)$/.exec(url) ?? [];
    const endpoint = ["--endpoint", "http", ":", `//${host}`, ":", port];
    expect(await offered([...endpoint, "services", ""], nowhere)).toEqual(["web"]);
    const file = `${projectFolder}/package.js`;
    expect(await offered(["set", "/x", "--file", file], url)).toEqual([`${file}on`]);
    expect(await offered(["lock", "alpha", "--", "ech"], url)).toContain("echo");
    expect(await offered(["lock", "alpha", "--", "cat", file], url)).toEqual([`${file}on`]);
  });

  test.skipIf(!isInstalled("zsh"))("zsh completes the same (needs zsh)", async ({ client, server }) => {
    await client.create("/locks/beta gamma", "", { parents: true });
    const { url } = server;
    expect(await offeredByZsh(["ex"], url)).toContain("export:write a subtree as lines of JSON");
    expect(await offeredByZsh(["watch", "/", "--scope", ""], url)).toEqual(["node", "children", "subtree"]);
    expect(await offeredByZsh(["--endpoint", url, "lock", "be"], nowhere)).toEqual(["beta gamma"]);
    expect(await offeredByZsh(["get", "/locks/beta g"], url)).toEqual(["/locks/beta gamma"]);
    expect(await offeredByZsh(["export", "--output", "x"], url)).toEqual(["FILES"]);
    expect(await offeredByZsh(["lock", "x", "--", "ls", "-l"], url)).toEqual(["NORMAL 2 ls -l"]);
  });

  test.skipIf(!isInstalled("fish"))("fish completes the same (needs fish)", async ({ client, server }) => {
    await client.create("/locks/delta one", "", { parents: true });
    const { url } = server;
    expect(await offeredByFish("treekeeper ex", url)).toEqual(["export"]);
    expect(await offeredByFish("treekeeper watch / --scope ", url)).toEqual(["children", "node", "subtree"]);
    expect(await offeredByFish(`treekeeper --endpoint ${url} lock de`, nowhere)).toEqual(["delta one"]);
    expect(await offeredByFish("treekeeper get /locks/delta\\\\ o", url)).toEqual(["/locks/delta one"]);
    expect(await offeredByFish(`treekeeper export --output ${projectFolder}/package.js`, url)).toEqual([
      `${projectFolder}/package.json`,
    ]);
    expect(await offeredByFish("treekeeper lock x -- ech", url)).toContain("echo");
  });

  test("each shell's script names every command, and the shell can read it", async ({ dataDir }) => {
    const { stdout: help } = await new CliProcess(["--help"], {}).ended;
    const commands = Array.from(
      help.matchAll(/^ {2}([a-z]+) .*(?:\[|<| {2})/gm),
      ([, name]) => name as string,
    );
    expect(commands.length).toBeGreaterThan(15);
    for (const shell of shells) {
      const stdout = await scriptFor(shell);
      expect(commands.filter((name) => name !== "help" && !stdout.includes(name))).toEqual([]);
      const file = join(dataDir, shell);
      writeFileSync(file, stdout);
      const read = spawnSync(shell, ["-n", file], { encoding: "utf8" });
      if (read.error === undefined) expect([read.status, read.stderr]).toEqual([0, ""]);
    }
  });
});
