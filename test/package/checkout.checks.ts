// The checkout as a newcomer on a production machine has it: `NODE_ENV=production`, no tools of development, and `npm start`.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { ServerProcess, test } from "../support/process.ts";
import { copyOfCheckout, environmentWith, run, temporaryFolder } from "./installed.ts";

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
  const started = { command: ["npm", "start", "--"], env: { PATH, NODE_ENV: "production" } } as const;
  const server = await ServerProcess.start({ ...started, dataDir, cwd: copy });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
});
