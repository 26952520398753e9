// Schemathesis, all its checks: what the document says of requests and answers is true of a real server. The seed is the same
// in each run; more requests for each operation, more seconds of sequences, and others:
//   SCHEMATHESIS_EXAMPLES=1000 SCHEMATHESIS_SECONDS=600 SCHEMATHESIS_SEED=7 npm run test:clients -- schemathesis

import { describe, expect } from "vitest";
import { test } from "../support/process.ts";
import { faultsFound, type Phase } from "./schemathesis.ts";
import { need } from "./toolchains.ts";

const examples = Number(process.env.SCHEMATHESIS_EXAMPLES ?? 40);
const seconds = Number(process.env.SCHEMATHESIS_SECONDS ?? 40);
const seed = Number(process.env.SCHEMATHESIS_SEED ?? 1);

interface Part {
  readonly asked: string;
  readonly phases: readonly Phase[];
  readonly seconds?: number;
}

const parts: readonly Part[] = [
  { asked: "by its examples and its bounds", phases: ["examples", "coverage"] },
  { asked: "by requests made up of it", phases: ["fuzzing"] },
  { asked: "by sequences of requests, each made of the answer before", phases: ["stateful"], seconds },
];

describe.concurrent.for(parts)("Schemathesis finds the document true", ({ asked, ...part }) => {
  test(asked, { timeout: 300_000 + examples * 10_000 + seconds * 1000 }, async ({ start, skip }) => {
    await need(["python"], skip);
    const { url } = await start();
    expect(await faultsFound({ url, ...part, examples, seed })).toBe("");
  });
});
