// The checkout as a newcomer on a production machine has it: `NODE_ENV=production`, no tools of development, and `npm start`.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import lockfile from "../../package-lock.json" with { type: "json" };
import { ServerProcess, test } from "../support/process.ts";
import { copyOfCheckout, environmentWith, run, temporaryFolder } from "./installed.ts";

test("nothing is compiled for SQLite: npm would need Python for it, which a bare machine has not", () => {
  // npm drops this line when it writes the lockfile; put it back (docs/decisions/0047-a-package-brings-sqlite.md).
  expect(lockfile.packages["node_modules/better-sqlite3"]).toMatchObject({ gypfile: false });
  expect(manifest.allowScripts).toEqual({ node: true, "better-sqlite3": false });
});

test("npm ci in production brings what npm start needs, and nothing of development", async ({ dataDir }) => {
  const copy = copyOfCheckout(temporaryFolder());
  const { PATH = "", ...others } = environmentWith();
  const env = { ...others, PATH, NODE_ENV: "production" };
  const installed = await run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"], {
    cwd: copy,
    env,
  });
  expect(installed, installed.stderr).toMatchObject({ code: 0 });
  expect(existsSync(join(copy, "node_modules/fastify"))).toBe(true);
  expect(existsSync(join(copy, "node_modules/vitest"))).toBe(false);
  expect(existsSync(join(copy, "node_modules/better-sqlite3/build"))).toBe(false);
  const started = { command: ["npm", "start", "--"], env: { PATH, NODE_ENV: "production" } } as const;
  const server = await ServerProcess.start({ ...started, dataDir, cwd: copy });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
});
