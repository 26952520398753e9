// Makes of the service one that counts nothing of its requests and writes, for a comparison: imported before it, it takes
// the counting out of the sources as they are loaded. What it takes out must be there, so that it cannot come to measure nothing.

import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** By the end of a file's name: from where to where its text goes, both of them kept. */
const takenOut: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>> = {
  "/src/histogram.ts": [["  observe(value: number): void {\n", "  }\n\n  get count()"]],
  "/src/routes/http/request-counts.ts": [
    ["  follow(app: FastifyInstance): void {\n", "  }\n\n  /** What the router knows"],
    ["  readonly hear: RequestStep = (request) => {\n", "    return true;\n"],
    ["  readonly answer: AnswerStep = (request, reply, payload) => {\n", "    return payload;\n"],
  ],
};

registerHooks({
  load(url, context, nextLoad) {
    const parts = Object.entries(takenOut).find(([name]) => url.endsWith(name))?.[1];
    if (parts === undefined) return nextLoad(url, context);
    let text = readFileSync(fileURLToPath(url), "utf8");
    for (const [from, to] of parts) text = without(text, from, to);
    return { format: "module-typescript", source: text, shortCircuit: true };
  },
});

function without(text: string, from: string, to: string): string {
  const start = text.indexOf(from) + from.length;
  const end = text.indexOf(to, start);
  if (start < from.length || end === -1) throw new Error(`there is no ${from.trim()} to take out`);
  return text.slice(0, start) + text.slice(end);
}
