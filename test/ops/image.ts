// The image of ops/Dockerfile without an engine: each of its steps is done, in order, over this machine's files, which stand
// for the base. What the base has besides, Node.js and npm in /usr/local, is laid over them.

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectFolder } from "../support/markdown.ts";
import { contextIn, execForm, type Instruction, type Stage, stagesIn } from "./dockerfile.ts";
import { type Files, Machine, type Mount, removeFolder, runThere } from "./machine.ts";

const dockerfile = join(projectFolder, "ops/Dockerfile");
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What an engine would start it by. */
export interface Image {
  readonly folder: string;
  /** What is in it besides this machine's files. */
  readonly written: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

/** What stands in the words of a stage so far. */
interface Built {
  readonly files: Files;
  readonly said: Map<string, string>;
  readonly env: Record<string, string>;
}

export async function buildImage(folder: string): Promise<Image> {
  const base = baseIn(folder);
  const stages = stagesIn(dockerfile);
  const built = new Map<string, Built>();
  for (const [index, stage] of stages.entries()) {
    const written = join(folder, `stage-${index}`);
    cpSync(base, written, { recursive: true, verbatimSymlinks: true });
    const one: Built = { files: { written }, said: new Map(), env: { PATH: path } };
    for (const instruction of stage.instructions) await follow(instruction, one, built);
    built.set(stage.name, one);
  }
  return imageOf(built.get((stages.at(-1) as Stage).name) as Built, folder);
}

function baseIn(folder: string): string {
  const local = join(folder, "base/usr/local");
  mkdirSync(join(local, "bin"), { recursive: true });
  copyFileSync(process.execPath, join(local, "bin/node"));
  const packages = String(execFileSync("npm", ["root", "--global"])).trim();
  cpSync(join(packages, "npm"), join(local, "lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(local, "bin/npm"));
  return join(folder, "base");
}

async function follow(
  { word, rest }: Instruction,
  one: Built,
  built: ReadonlyMap<string, Built>,
): Promise<void> {
  const { said, env } = one;
  if (word === "RUN") await run(rest, one);
  else if (word === "COPY") await copy(rest.split(/\s+/), one, built);
  else if (word === "ENV") {
    const [, name = "", value = ""] = /^(\w+)=(\S+)$/.exec(rest) ?? [];
    env[name] = value;
  } else {
    said.set(word, rest);
    if (word === "WORKDIR") await run(`mkdir -p ${rest}`, one);
  }
}

async function run(script: string, { files, said, env }: Built): Promise<void> {
  const workdir = said.get("WORKDIR") ?? "/";
  const asked = { ...surroundings(), ...env };
  const inWorkdir = `mkdir -p ${workdir} && cd ${workdir} && ${script}`;
  if (said.has("USER") && !script.startsWith("mkdir -p")) throw new Error("what is run is run as root");
  await runThere({ files, env: asked, command: ["/bin/sh", "-c", inWorkdir] });
}

/** What npm needs to reach its registry; nothing of this run of tests. */
function surroundings(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(npm_|NODE_(?!EXTRA_CA)|TREEKEEPER_|VITEST|TEST$|BUILT_)/i.test(entry[0]),
  );
  return { ...Object.fromEntries(entries), HOME: "/root" };
}

async function copy(words: readonly string[], one: Built, built: ReadonlyMap<string, Built>): Promise<void> {
  const target = words.at(-1) as string;
  if (words[0]?.startsWith("--from=") && words[1] !== target)
    throw new Error("what is copied keeps its place");
  const [, from] = /^--from=(\S+)$/.exec(words[0] as string) ?? [];
  const sources = words.slice(from === undefined ? 0 : 1, -1);
  const mounts: Mount[] = [{ from: from === undefined ? projectFolder : copied(from, built), to: "/mnt" }];
  const names = from === undefined ? contextOf(sources) : sources.map((name) => name.slice(1));
  const folder = join(one.said.get("WORKDIR") ?? "/", from === undefined ? target : dirname(target));
  const command = [
    "/bin/sh",
    "-euc",
    `umask 022; mkdir -p ${folder}; cd /mnt; cp -R "$@" ${folder}`,
    "sh",
    ...names,
  ];
  await runThere({ files: one.files, mounts, env: one.env, command });
}

function copied(stage: string, built: ReadonlyMap<string, Built>): string {
  const found = built.get(stage);
  if (found === undefined) throw new Error(`there is no stage ${stage}`);
  return found.files.written;
}

function contextOf(sources: readonly string[]): readonly string[] {
  const context = contextIn(readdirSync(projectFolder), `${dockerfile}.dockerignore`);
  const missing = sources.filter((name) => name !== "." && !context.includes(name));
  if (missing.length > 0) throw new Error(`not in the context: ${missing.join(", ")}`);
  return sources.includes(".") ? context : sources;
}

function imageOf({ files, said, env }: Built, folder: string): Image {
  const word = (name: string) => said.get(name) ?? "";
  return {
    ...{ folder, written: files.written, env },
    ...{ user: word("USER"), workdir: word("WORKDIR"), ports: word("EXPOSE").split(" ") },
    volumes: execForm(word("VOLUME")),
    entrypoint: execForm(word("ENTRYPOINT")),
    command: execForm(word("CMD")),
    healthcheck: execForm(word("HEALTHCHECK").replace(/^.* CMD /, "")),
  };
}

export function removeImage({ folder }: Image): void {
  removeFolder(folder);
}

interface Start {
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
}

/** As `docker run --read-only --cap-drop ALL --security-opt no-new-privileges`. */
export function startContainer(image: Image, { command, env = {}, mounts = [] }: Start = {}): Machine {
  return new Machine({
    ...{
      files: { written: image.written, isReadOnly: true },
      mounts,
      user: image.user,
      workdir: image.workdir,
    },
    env: { ...image.env, ...env },
    command: [...image.entrypoint, ...(command ?? image.command)],
  });
}
