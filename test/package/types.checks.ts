// The types of the package, as the compilers of its users read them: nothing of them is skipped. The program they compile uses
// the client in the ways that its page shows, and has mistakes that they must find.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { projectFolder } from "../support/markdown.ts";
import { install, makeFolder, run } from "./installed.ts";

const typescript = "5.9.3";

const folder = makeFolder();
const program = `import { Client, type ClientOptions, RequestError, type Session } from "treekeeper";
import { Client as Other } from "treekeeper/client";

const options: ClientOptions = { endpoint: ["http://127.0.0.1:2281"] };
export const client: Client = new Other(options);
// @ts-expect-error An endpoint is no number.
new Client({ endpoint: 2281 });

export async function paint(session: Session): Promise<string> {
  const { results } = await client.transaction([
    { op: "create", path: "/count", data: "41" },
    { op: "increment", path: "/count", by: 1 },
  ]);
  const sum: string = results[1].value;
  // @ts-expect-error What is created has no sum.
  results[0].value;
  for await (const message of client.watch({ paths: ["/colour"] }, { signal: AbortSignal.timeout(10) })) {
    if (message.type === "change") for (const event of message.events) console.log(event.path);
  }
  await session.withLock("paint", {}, async (lock) => {
    await session.set("/colour", new Uint8Array([1]), { fences: [lock], signal: lock.signal });
  });
  try {
    return (await client.get("/colour")).data.text();
  } catch (error) {
    if (error instanceof RequestError) return error.code + sum;
    throw error;
  }
}
`;
beforeAll(() => {
  install(folder, inject("packageFile"), `typescript@${typescript}`);
  for (const name of files) writeFileSync(join(folder, name), program);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A module and, to NodeNext, CommonJS. */
const files = ["program.mts", "program.cts"];
const own = join(projectFolder, "node_modules/.bin/tsc");
const users = join(folder, "node_modules/.bin/tsc");
const ofNode = { lib: ["ES2024"], types: ["node"], typeRoots: [join(projectFolder, "node_modules/@types")] };
const ofBrowsers = { lib: ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], types: [] };
const nodeNext = { module: "NodeNext", moduleResolution: "NodeNext" };
const bundler = { module: "ESNext", moduleResolution: "Bundler" };
const exact = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

test.for([
  ["TypeScript 5.9, NodeNext, for Node.js", users, { ...nodeNext, ...ofNode }],
  ["TypeScript 5.9, NodeNext, for browsers", users, { ...nodeNext, ...ofBrowsers }],
  ["TypeScript 5.9, Bundler, for Node.js", users, { ...bundler, ...ofNode }],
  ["TypeScript 5.9, Bundler, for browsers", users, { ...bundler, ...ofBrowsers }],
  ["TypeScript 5.9 at its strictest", users, { ...nodeNext, ...ofNode, ...exact }],
  ["the checkout's TypeScript, NodeNext", own, { ...nodeNext, ...ofNode }],
] as const)("%s", async ([name, compiler, options]) => {
  const config = `tsconfig.${name.replaceAll(/\W+/g, "-")}.json`;
  const strict = { target: "ES2022", strict: true, skipLibCheck: false, noEmit: true };
  writeFileSync(join(folder, config), JSON.stringify({ compilerOptions: { ...options, ...strict }, files }));
  const compiled = await run([compiler, "-p", config], { cwd: folder });
  expect(compiled).toEqual({ code: 0, stdout: "", stderr: "" });
});
