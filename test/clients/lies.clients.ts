// The checks of the OpenAPI document are checked: lies are planted in a copy of it, one at a time, and each has to be caught
// by what is run for every change. The document as it is has to pass. Nothing in the tree is changed.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { readDocumentFile } from "../support/document.ts";
import { Http } from "../support/http.ts";
import { projectFolder } from "../support/markdown.ts";
import { test } from "../support/process.ts";
import { faultsFound } from "./schemathesis.ts";
import { need } from "./toolchains.ts";

/** A part of a document, to be written to. */
// biome-ignore lint/suspicious/noExplicitAny: a lie reaches deep into what may have any shape
type Part = any;

type Check =
  | { readonly name: "conformance"; readonly file: string }
  | { readonly name: "schemathesis"; readonly operation: string };

interface Lie {
  readonly told: string;
  readonly plant: (document: Part) => void;
  /** The cheapest check that catches it. */
  readonly caughtBy: Check;
  /** What that says of it. */
  readonly as: RegExp;
}

const lies: readonly Lie[] = [
  {
    told: "a wrong type: the version of a znode is text",
    plant: ({ components }) => {
      components.schemas.Stat.properties.version = { type: "string" };
    },
    caughtBy: { name: "conformance", file: "znodes" },
    as: /createZnode 201: data\/stat\/version must be string/,
  },
  {
    told: "a missing error: a write is never refused for its condition",
    plant: ({ paths }) => {
      delete paths["/v1/znodes/{path}"].put.responses["412"];
    },
    caughtBy: { name: "conformance", file: "conditions" },
    as: /setZnode has no 412/,
  },
  {
    told: "a missing parameter: no znode can be made with a sequence number",
    plant: ({ paths }) => {
      const create = paths["/v1/znodes/{path}"].post;
      create.parameters = create.parameters.filter(({ name }: { name: string }) => name !== "sequential");
    },
    caughtBy: { name: "conformance", file: "sequences" },
    as: /createZnode is not sent the query parameter sequential/,
  },
  {
    told: "a wrong content type: the bytes of a znode are plain text",
    plant: ({ paths }) => {
      const { content } = paths["/v1/data/{path}"].get.responses["200"];
      content["text/plain"] = content["application/octet-stream"];
      delete content["application/octet-stream"];
    },
    caughtBy: { name: "schemathesis", operation: "getData" },
    as: /Undocumented Content-Type/,
  },
  {
    told: "a wrong path encoding: the path of a znode has no slashes",
    plant: ({ paths }) => {
      for (const { parameters } of Object.values<Part>(paths["/v1/znodes/{path}"]))
        parameters.find(({ name }: { name: string }) => name === "path").schema.pattern = "^[^/]+$";
    },
    caughtBy: { name: "conformance", file: "paths" },
    as: /as the path parameter path/,
  },
  {
    told: "a wrong path: the prefix stands in it twice",
    plant: ({ paths }) => {
      paths["/v1/v1/znodes/{path}"] = paths["/v1/znodes/{path}"];
      delete paths["/v1/znodes/{path}"];
    },
    caughtBy: { name: "conformance", file: "paths" },
    as: /it has no POST \/v1\/znodes/,
  },
];

const checks = new Map(lies.map(({ caughtBy }) => [Object.values(caughtBy).join(" "), caughtBy]));

describe.concurrent("a lie in the document is caught", () => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-lies-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.for(lies)("$told", async ({ told, plant, caughtBy, as }, { start, skip }) => {
    if (caughtBy.name === "schemathesis") await need(["python"], skip);
    const document = structuredClone(readDocumentFile());
    plant(document);
    const file = join(folder, `${lies.findIndex((lie) => lie.told === told)}.json`);
    writeFileSync(file, JSON.stringify(document));
    expect(await faultsBy(caughtBy, file, start)).toMatch(as);
  });

  test.for([...checks])("and none is there, says %s", async ([, check], { start, skip }) => {
    if (check.name === "schemathesis") await need(["python"], skip);
    const file = join(projectFolder, "openapi/openapi.json");
    expect(await faultsBy(check, file, start)).toBe("");
  });
});

/** What the check finds wrong with the document in the file; empty when nothing is. */
async function faultsBy(
  check: Check,
  document: string,
  start: () => Promise<{ readonly url: string }>,
): Promise<string> {
  if (check.name === "conformance")
    return await failuresOf(`test/conformance/${check.file}.test.ts`, document);
  const { url } = await start();
  // The znode that the examples are about.
  await new Http(url).post("/v1/znodes/services/web", { query: { parents: true } });
  const operations = [check.operation];
  return await faultsFound({ url, document, phases: ["examples"], examples: 1, seed: 1, operations });
}

/** What the test runner says of a file of tests that believe the document; empty when all of them pass. */
function failuresOf(testFile: string, document: string): Promise<string> {
  const runner = join(projectFolder, "node_modules/vitest/vitest.mjs");
  const ours = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$)/.test(name));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(
    process.execPath,
    [runner, "run", "--bail=1", "--no-color", testFile],
    { cwd: projectFolder, env: { ...Object.fromEntries(ours), TREEKEEPER_DOCUMENT: document } },
    (error, stdout, stderr) => {
      if (error === null) resolve("");
      else if (/Tests .*\d failed/.test(stdout)) resolve(stdout + stderr);
      else reject(new Error(`the tests could not be run: ${stdout}${stderr}`));
    },
  );
  return promise;
}
