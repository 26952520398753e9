// What `--jsonl` has told, as tests read it.

import { readFileSync } from "node:fs";
import type { LifecycleEvent, Subject } from "../../src/cli/supervisor/lifecycle.ts";

export type Told = LifecycleEvent & Subject & { readonly atMs: number };

export function eventsIn(file: string): Told[] {
  return toldIn(readFileSync(file, "utf8"));
}

/** Other lines are those of somebody else. */
export function toldIn(text: string): Told[] {
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}

export function namesOf(events: readonly Told[]): string[] {
  return events.map(({ event }) => event);
}
