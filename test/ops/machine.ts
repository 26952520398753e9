// A machine of its own, where no engine for containers runs: this machine's files with what is laid over them, and processes
// in namespaces of their own. Nothing of what happens there is left here. It takes root.

import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { processInside } from "../support/container.ts";
import { projectFolder } from "../support/markdown.ts";

/** What a machine has that this one has not, or has otherwise. */
export interface Files {
  /** The folder it is in. */
  readonly written: string;
  /** Whether the machine may only read all of its files. */
  readonly isReadOnly?: boolean;
}

export interface Mount {
  readonly from: string;
  readonly to: string;
  readonly isReadOnly?: boolean;
}

export interface Running {
  readonly files: Files;
  readonly mounts?: readonly Mount[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Numbers of user and group, without any rights of root. Root, with them, when left out. */
  readonly user?: string;
  readonly workdir?: string;
  /** How much of /proc is shown. */
  readonly procOptions?: string;
}

const unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"] as const;

export const hasMachines = spawnSync(unshare[0], [...unshare.slice(1), "true"]).status === 0;

/** In CI it has to be possible: a test that is skipped proves nothing. */
export function needMachines(skip: (note: string) => void): void {
  if (hasMachines) return;
  if (process.env.CI !== undefined) throw new Error("namespaces cannot be made here; run it as root");
  process.stderr.write("SKIPPED: namespaces cannot be made here, so that nothing of ops/ is run\n");
  skip("namespaces cannot be made here; run it as root");
}

/** A folder that goes away by `remove`. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "treekeeper-ops-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Where the file system is, in the namespace that sees it. */
function rootFor(folder: string): string {
  const root = join(folder, "root");
  mkdirSync(root, { recursive: true });
  return root;
}

/** Shell lines that put it together at `root`. */
function mounting({ files, mounts = [], procOptions }: Running, folder: string, root: string): string[] {
  const work = join(folder, "work");
  mkdirSync(work, { recursive: true });
  // Where nothing is to be mounted upon, an engine makes it, too.
  for (const { to } of mounts) mkdirSync(join(files.written, to), { recursive: true });
  return [
    "set -eu",
    `mount -t overlay overlay -o lowerdir=/,upperdir=${files.written},workdir=${work} '${root}'`,
    `mount --rbind /dev '${root}/dev'`,
    `mount -t proc ${procOptions === undefined ? "" : `-o ${procOptions}`} proc '${root}/proc'`,
    // Neither this checkout nor what others left there is to be found.
    `mount -t tmpfs tmpfs '${root}${projectFolder}'`,
    `mount -t tmpfs tmpfs '${root}/tmp'`,
    ...mounts.flatMap(({ from, to, isReadOnly }) => [
      `mount --bind '${from}' '${root}${to}'`,
      ...(isReadOnly ? [`mount -o remount,bind,ro '${root}${to}'`] : []),
    ]),
    ...(files.isReadOnly ? ["", "/tmp"].map((place) => `mount -o remount,bind,ro '${root}${place}'`) : []),
  ];
}

function entering({ command, env, user, workdir = "/" }: Running, root: string): string[] {
  const [uid, gid] = user?.split(":") ?? [];
  const rights = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];
  const asUser = user === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, ...rights];
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return ["chroot", root, ...asUser, "env", "-i", "-C", workdir, ...variables, ...command];
}

/** Runs a command to its end, in the network that the tests have. @throws Error when it fails */
export async function runThere(running: Running): Promise<string> {
  const folder = makeFolder();
  try {
    const root = rootFor(folder);
    const script = [...mounting(running, folder, root), 'exec "$@"'].join("\n");
    const args = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"];
    const { stdout } = await promisify(execFile)("unshare", [...args, ...entering(running, root)], {
      maxBuffer: 16 * 1024 ** 2,
    });
    return stdout;
  } finally {
    removeFolder(folder);
  }
}

interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whatever still runs when the tests end, ends with them. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process that is process 1 of its machine, which has no network but its own loopback. */
export class Machine {
  readonly #running: Running;
  readonly #folder = makeFolder();
  readonly #root = rootFor(this.#folder);
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, () => void>();
  readonly ended: Promise<Exit>;
  stdout = "";
  stderr = "";

  constructor(asked: Running) {
    this.#running = asked;
    const lines = [...mounting(asked, this.#folder, this.#root), "ip link set lo up", 'exec "$@"'];
    const args = [...unshare.slice(1), "sh", "-c", lines.join("\n"), "sh", ...entering(asked, this.#root)];
    this.#child = spawn(unshare[0], args, { stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#child);
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.stdout += `${line}\n`;
      for (const [text, resolve] of this.#waiting) if (line.includes(text)) resolve();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, "close").then(([code]) => {
      running.delete(this.#child);
      removeFolder(this.#folder);
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Resolves when it has logged it. @throws Error with all it said when it ends instead */
  async logged(msg: string): Promise<void> {
    const text = `"msg":"${msg}"`;
    if (this.stdout.includes(text)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(text, resolve);
    this.ended.then(({ code, stdout, stderr }) =>
      reject(new Error(`it ended with ${code}: ${stderr}${stdout}`)),
    );
    await promise;
  }

  /** Process 1, as it is called outside. */
  get pid(): number {
    return processInside({ pid: this.#child.pid as number });
  }

  /** As an engine or systemd stops it. */
  async stop(): Promise<Exit> {
    process.kill(this.pid, "SIGTERM");
    return await this.ended;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Another process in the same machine, as the same user. */
  async exec(...command: string[]): Promise<Exit> {
    const args = ["--target", String(this.pid), "--mount", "--net", "--pid"];
    return await ended("nsenter", [...args, ...entering({ ...this.#running, command }, this.#root)]);
  }

  /** From outside, by its network alone, as a kubelet asks. @returns the status */
  async probe(url: string): Promise<string> {
    const ask = [
      "curl",
      "--silent",
      "--insecure",
      "--output",
      "/dev/null",
      "--write-out",
      "%{http_code}",
      url,
    ];
    return (await ended("nsenter", ["--target", String(this.pid), "--net", ...ask])).stdout;
  }
}

async function ended(program: string, args: readonly string[]): Promise<Exit> {
  return await promisify(execFile)(program, args).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}
