// docs/metrics.md lists the table of metrics as it is.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metrics } from "../../src/metrics/metrics.ts";
import { projectFolder, readDocument } from "../support/markdown.ts";

const document = "docs/metrics.md";
const mark = "test/metrics/document.test.ts -->\n\n";

test("docs/metrics.md lists every metric, as the table has it", () => {
  const text = readDocument(document);
  const end = text.indexOf(mark) + mark.length;
  const made = `${text.slice(0, end)}${table()}`;
  if (process.env.UPDATE_DOCS === "1") writeFileSync(join(projectFolder, document), made);
  expect(readDocument(document), "UPDATE_DOCS=1 makes it anew").toBe(made);
});

function table(): string {
  const rows = Object.entries(metrics).map(([name, { type, labels, help }]) => {
    const shown = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${shown} | ${help.replaceAll("|", "\\|")} |\n`;
  });
  return `| metric | type | labels | |\n|---|---|---|---|\n${rows.join("")}`;
}
