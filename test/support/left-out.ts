// Suites that run a second time under other circumstances: what is left out of them, each for its reason.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { projectFolder } from "./markdown.ts";

/** By file below test/, and by the title's beginning (behind those of the groups it is in, as `group > title`); with the reason. */
export type Reasons = Readonly<Record<string, string>>;

export function reasonAmong(reasons: Reasons, file: string, title: string): string | undefined {
  const found = Object.keys(reasons).find((beginning) => `${file} ${title}`.startsWith(`test/${beginning}`));
  return found === undefined ? undefined : reasons[found];
}

/** What is left out is there to be left out: a test, behind the groups it is in. */
export function expectIsThere(entry: string): void {
  const [file = "", ...words] = entry.split(" ");
  // Groups of one test each are made of the operations of the document.
  const place = file.endsWith("openapi-examples.test.ts") ? "openapi/openapi.json" : `test/${file}`;
  const text = readFileSync(join(projectFolder, place), "utf8");
  const titles = words.join(" ").split(" > ");
  const title = titles.pop();
  for (const group of titles) expect(text).toContain(`"${group}"`);
  expect(text).toContain(`"${title}`);
}
