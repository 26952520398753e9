// What the documents show as code: fenced blocks, in order. For the tests that hold documents to what they say.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export const projectFolder = join(import.meta.dirname, "../..");

export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** The heading it stands under. */
  readonly heading: string;
  /** Where its code begins, counted from 1. */
  readonly line: number;
}

export function readDocument(name: string): string {
  return readFileSync(join(projectFolder, name), "utf8");
}

export function codeBlocksOf(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = "";
  let open: { language: string; line: number; lines: string[] } | null = null;
  for (const [index, text] of markdown.split("\n").entries()) {
    const fence = /^```(\w*)$/.exec(text);
    if (fence === null) {
      if (open !== null) open.lines.push(text);
      else if (text.startsWith("#")) heading = text.replace(/^#+ /, "");
    } else if (open === null) {
      open = { language: fence[1] as string, line: index + 2, lines: [] };
    } else {
      blocks.push({ language: open.language, code: open.lines.join("\n"), heading, line: open.line });
      open = null;
    }
  }
  if (open !== null) throw new Error(`the code block that begins in line ${open.line} does not end`);
  return blocks;
}
