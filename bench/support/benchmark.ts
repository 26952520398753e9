// What all benchmarks have in common: how they are asked, and what they say: the machine, a table for each part as soon as it
// is there, a line for each goal, and every round as JSON. The exit code is 0 when every goal is met.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { assertWrk } from "../requests/wrk.ts";
import { machineLine, machineOf } from "./table.ts";
import { type Verdict, verdictLines } from "./verdict.ts";

export interface About<Flag extends string> {
  /** Below `bench`. */
  readonly file: string;
  /** What --quick takes. */
  readonly quickTakes: string;
  /** Options of its own, each with what it does. */
  readonly flags?: Readonly<Record<Flag, string>>;
  /** What --only chooses from. */
  readonly parts?: readonly string[];
  /** At the end of the usage. */
  readonly note?: string;
  readonly needsWrk: boolean;
}

/** What the command line says. */
export interface Asked<Flag extends string = never> {
  readonly quick: boolean;
  /** Where the data goes. */
  readonly dir: string;
  /** All of them unless some were chosen. */
  readonly parts: readonly string[];
  readonly flags: Readonly<Record<Flag, boolean>>;
  /** Prints what was measured so far. */
  readonly say: (text: string) => void;
}

export interface Measured {
  readonly results: Readonly<Record<string, unknown>>;
  readonly verdicts: readonly Verdict[];
  /** Before the verdicts. */
  readonly remark?: string;
}

/** What one part measured, what of it is shown, and what it says of its goals. */
export interface Part {
  readonly results: unknown;
  readonly table: string;
  readonly verdicts: readonly Verdict[];
}

/** Sets the exit code. With --quick nothing is judged. */
export async function runBenchmark<Flag extends string = never>(
  about: About<Flag>,
  measure: (asked: Asked<Flag>) => Promise<Measured>,
): Promise<void> {
  const { json, help, unknown, ...asked } = askedOf(about);
  const usage = usageOf(about);
  if (help) {
    console.log(usage);
    return;
  }
  if (unknown !== undefined) {
    console.error(`There is no part ${unknown}.\n${usage}`);
    process.exitCode = 1;
    return;
  }
  if (about.needsWrk && !(await hasWrk())) {
    process.exitCode = 1;
    return;
  }
  const machine = machineOf();
  console.log(machineLine(machine));
  const { results, verdicts: found, remark } = await measure(asked);
  const verdicts = asked.quick ? [] : found;
  if (!asked.quick)
    asked.say([...(remark === undefined ? [] : [remark]), verdictLines(verdicts)].join("\n\n"));
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine, ...results, verdicts }, null, 2)}\n`);
  process.exitCode = verdicts.every(({ isMet }) => isMet) ? 0 : 1;
}

/** One part after the other, each shown when it is done. */
export async function measureParts(
  parts: Readonly<Record<string, () => Promise<Part>>>,
  { parts: names, say }: Pick<Asked, "parts" | "say">,
): Promise<Measured> {
  const results: Record<string, unknown> = {};
  const verdicts: Verdict[] = [];
  for (const name of names) {
    const part = await (parts[name] as () => Promise<Part>)();
    results[name] = part.results;
    verdicts.push(...part.verdicts);
    say(part.table);
  }
  return { results, verdicts };
}

function askedOf<Flag extends string>({ flags, parts = [] }: About<Flag>) {
  const flagNames = Object.keys(flags ?? {}) as Flag[];
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      dir: { type: "string", default: fileURLToPath(new URL("../../.bench", import.meta.url)) },
      help: { type: "boolean", default: false },
      ...(parts.length > 0 && { only: { type: "string" } as const }),
      ...Object.fromEntries(flagNames.map((name) => [name, { type: "boolean", default: false } as const])),
    },
  });
  const given = values as typeof values & { readonly only?: string } & Readonly<Record<string, unknown>>;
  const chosen = given.only?.split(",") ?? parts;
  return {
    ...{ quick: given.quick, json: given.json, dir: given.dir, help: given.help, parts: chosen },
    flags: Object.fromEntries(flagNames.map((name) => [name, given[name] === true])) as Record<Flag, boolean>,
    unknown: chosen.find((name) => !parts.includes(name)),
    say: (text: string) => console.log(`\n${text}`),
  };
}

function usageOf({ file, quickTakes, flags, parts = [], note }: About<string>): string {
  const own = Object.entries(flags ?? {}).map(([name, does]) => [`--${name}`, does] as const);
  const choice =
    parts.length > 0 ? ([["--only PARTS", `comma-separated: ${parts.join(", ")}`]] as const) : [];
  const rows = [
    ["--quick", `${quickTakes} and no verdict: shows that everything runs`],
    ...own,
    ...choice,
    ["--json FILE", "writes every round to this file"],
    [
      "--dir DIRECTORY",
      "where the data goes, on the disk to be measured; .bench in the project unless given",
    ],
  ] as const;
  const head = `Usage: node bench/${file} ${rows.map(([option]) => `[${option}]`).join(" ")}`;
  const lines = rows.map(([option, does]) => `  ${option.split(" ")[0]?.padEnd(12)} ${does}`);
  return [head, ...lines, ...(note === undefined ? [] : [note])].join("\n");
}

async function hasWrk(): Promise<boolean> {
  try {
    await assertWrk();
    return true;
  } catch (error) {
    console.error((error as Error).message);
    return false;
  }
}
