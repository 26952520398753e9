// examples/cluster.sh is run as docs/cluster.md shows it. It checks by itself what it promises.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { codeBlocksOf, projectFolder, readDocument } from "../support/markdown.ts";
import { freePorts } from "../support/ports.ts";

/** It takes ports up to so many behind its first. */
const portsBehind = 32;

test("examples/cluster.sh keeps its promises, with a server that is killed", async () => {
  const blocks = codeBlocksOf(readDocument("docs/cluster.md"));
  expect(blocks.map(({ code }) => code.trim())).toContain("examples/cluster.sh");
  const [port] = await freePorts(1);
  const base = Math.min(Number(port), 65_535 - portsBehind);
  const env = { ...process.env, CLUSTER_BASE_PORT: String(base) };
  const { stdout } = await promisify(execFile)("examples/cluster.sh", { cwd: projectFolder, env });
  expect(stdout).toMatch(/three servers.*read at the others.*the lock is held.*OK:/s);
});
