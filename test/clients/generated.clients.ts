// Clients that others' generators make of the service's own description, untouched: each is generated and built in a folder
// of its own, and does what steps.ts says against a server that is killed meanwhile. Run with: npm run test:clients

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { type ServerProcess, test } from "../support/process.ts";
import { clients, type GeneratedClient } from "./clients.ts";
import { runScenario } from "./scenario.ts";
import { steps } from "./steps.ts";
import { need, toolchainsFolder } from "./toolchains.ts";

describe.concurrent.for(clients)("$name", (client) => {
  test("does the whole scenario", async ({ start, skip }) => {
    await need(client.toolchains, skip);
    const folder = mkdtempSync(join(tmpdir(), `treekeeper-${client.name}-`));
    try {
      await build(client, folder, await start());
      const { code, lines, stderr } = await runScenario({ folder, start });
      expect({ lines, stderr: code === 0 ? "" : stderr }).toEqual({
        lines: Object.keys(steps).map((name) => `ok ${name}`),
        stderr: "",
      });
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** @throws Error with all that the generator and the compiler said when one of them fails */
async function build(client: GeneratedClient, folder: string, server: ServerProcess): Promise<void> {
  const document = join(folder, client.document);
  writeFileSync(document, await documentOf(server, client));
  const script = join(import.meta.dirname, client.name, "build.sh");
  const env = {
    ...process.env,
    DOCUMENT: document,
    CLIENT: join(import.meta.dirname, client.name),
    TOOLCHAINS: toolchainsFolder,
  };
  await promisify(execFile)("bash", ["-euo", "pipefail", script], {
    cwd: folder,
    env,
    maxBuffer: 1 << 26,
  }).catch(({ stdout, stderr }) => {
    throw new Error(`${client.name} cannot be built:\n${stdout.slice(-8000)}\n${stderr.slice(-8000)}`);
  });
  await server.kill();
}

async function documentOf(server: ServerProcess, client: GeneratedClient): Promise<string> {
  const response = await fetch(server.url + client.document);
  if (!response.ok) throw new Error(`${client.document} is answered with ${response.status}`);
  return await response.text();
}
