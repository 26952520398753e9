// Schemathesis, all its checks: what the document says of requests and answers is true of a real server. The same requests
// in each run; more of them, and others:
//   SCHEMATHESIS_EXAMPLES=500 SCHEMATHESIS_SEED=7 npm run test:clients -- schemathesis

import { describe, expect } from "vitest";
import { test } from "../support/process.ts";
import { faultsFound, type Phase } from "./schemathesis.ts";
import { need } from "./toolchains.ts";

const examples = Number(process.env.SCHEMATHESIS_EXAMPLES ?? 12);
const seed = Number(process.env.SCHEMATHESIS_SEED ?? 1);

const parts: readonly { readonly asked: string; readonly phases: readonly Phase[] }[] = [
  { asked: "its examples, and the bounds of each thing it says", phases: ["examples", "coverage"] },
  { asked: "requests made up by it, one by one and in sequences", phases: ["fuzzing", "stateful"] },
];

describe.concurrent.for(parts)("Schemathesis finds the document true", ({ asked, phases }) => {
  test(`of ${asked}`, { timeout: 60_000 + examples * 30_000 }, async ({ start, skip }) => {
    await need(["python"], skip);
    const { url } = await start();
    expect(await faultsFound({ url, phases, examples, seed })).toBe("");
  });
});
