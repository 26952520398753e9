// What a Dockerfile says, as far as ours go: anything else is an error, so that nothing in it is passed over.

import { readFileSync } from "node:fs";

export interface Instruction {
  readonly word: string;
  /** Behind the word, in one line. */
  readonly rest: string;
}

export interface Stage {
  readonly base: string;
  /** Empty for one that no other copies from. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

const words = "ARG COPY CMD ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN USER VOLUME WORKDIR".split(" ");

export function stagesIn(file: string): Stage[] {
  const values = new Map<string, string>();
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of instructionsIn(readFileSync(file, "utf8"))) {
    const { word, rest } = instruction;
    if (!words.includes(word)) throw new Error(`what does ${word} do?`);
    if (word === "FROM") {
      const [, base = "", name = ""] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      stages.push({ base: replaced(base, values), name, instructions: [] });
    } else if (word === "ARG") {
      const [, name = "", value = ""] = /^(\w+)=(\S+)$/.exec(rest) ?? [];
      values.set(name, value);
    } else {
      stages.at(-1)?.instructions.push(instruction);
    }
  }
  return stages;
}

function instructionsIn(text: string): Instruction[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split("\n");
  return lines
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, word = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { word, rest };
    });
}

function replaced(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`${name} is not set`);
    return value;
  });
}

/** The exec form: a list in JSON. In the other form a shell would be process 1. */
export function execForm(rest: string): string[] {
  const list: unknown = JSON.parse(rest);
  if (!Array.isArray(list) || list.some((part) => typeof part !== "string"))
    throw new Error(`no list: ${rest}`);
  return list;
}

/** What of a folder's entries gets into the build, by an ignore file that names what does and leaves out all others. */
export function contextIn(entries: readonly string[], ignoreFile: string): string[] {
  const lines = readFileSync(ignoreFile, "utf8").split("\n");
  const [all, ...kept] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (all !== "*" || kept.some((line) => !/^![\w.-]+$/.test(line))) throw new Error("it is * and !names");
  return entries.filter((name) => kept.includes(`!${name}`));
}
