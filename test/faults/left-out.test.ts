// What speaks to etcd is loaded with --log etcd alone: embedded it may be left out, and where it is missing it is said what
// to install.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { projectFolder } from "../support/markdown.ts";
import { ServerProcess, test } from "../support/process.ts";

/** As it is in its files: the tests' own program is one file with all in it. */
const command = [process.execPath, join(projectFolder, "src/main.ts")] as const;

/** Runs before the service, in its process. */
function preloaded(script: string): Readonly<Record<string, string>> {
  const text = `import { registerHooks } from "node:module"; import { appendFileSync } from "node:fs"; ${script}`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(text)}` };
}

const ofEtcd = /@(connectrpc|bufbuild)\/|store\/etcd\/(etcd|open|room|messages)/;

test("an embedded server that serves, and is asked for all it knows of itself, has loaded nothing of etcd", async ({
  dataDir,
}) => {
  const file = join(dataDir, "..", `loaded-${process.pid}`);
  const note = `registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(file)}, url + "\\n"); return next(url, context); } });`;
  const server = await ServerProcess.start({ dataDir, command, env: preloaded(note) });
  const http = new Http(server.url);
  for (const path of ["/v1/stats", "/metrics", "/readyz", "/v1/admin/servers"])
    expect((await http.get(path)).status, path).toBe(200);
  await server.terminate();
  expect(existsSync(file)).toBe(true);
  const loaded = readFileSync(file, "utf8").trim().split("\n");
  expect(loaded.filter((url) => url.includes("/fastify/")).length).toBeGreaterThan(0);
  expect(loaded.filter((url) => ofEtcd.test(url))).toEqual([]);
});

test("--log etcd without these packages ends the start with what to install", async ({ dataDir }) => {
  const missing =
    "registerHooks({ resolve(name, context, next) { if (!/^@(connectrpc|bufbuild)\\//.test(name)) return next(name, context); " +
    "throw Object.assign(new Error('Cannot find package ' + name), { code: \"ERR_MODULE_NOT_FOUND\" }); } });";
  const args = ["--log", "etcd", "--etcd-endpoints", "http://127.0.0.1:1"];
  const ended = await ServerProcess.runToEnd({ dataDir, command, args, env: preloaded(missing) });
  expect(ended.code).toBe(1);
  const [last] = ended.logs.slice(-1);
  expect(last?.msg).toMatch(
    /^could not start: --log etcd needs packages that were left out .*--omit=optional/,
  );
});
