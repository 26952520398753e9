// Nobody is let in by oversight: a service that others can reach has tokens and TLS, or somebody has said that it shall
// not; and once it knows who may do what, no file that is lost or spoilt makes it forget.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as plainTest } from "vitest";
import { layFirstToken } from "../../src/access/first-token.ts";
import { dangerOf, safeSetUp } from "../../src/safe-start.ts";
import { Http } from "../support/http.ts";
import { projectFolder } from "../support/markdown.ts";
import { ServerProcess, test } from "../support/process.ts";

const tls = ["cert", "key"].flatMap((part) => [
  `--tls-${part}`,
  join(projectFolder, `test/support/tls/${part}.pem`),
]);

describe("what is safe", () => {
  const loopback = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"];
  const open = ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "no-such-host.invalid"];

  plainTest.for(loopback)("%s is reached from this machine alone, and takes nothing more", async (host) => {
    for (const isOn of [false, true])
      for (const hasTls of [false, true])
        expect(
          await dangerOf({ host, allowedHosts: "tree.example", isProxied: false, hasTls, isOn }),
        ).toBeNull();
  });

  plainTest.for(open)("%s takes access control and TLS", async (host) => {
    const [noTokens, noTls] = ["access control is off", "without TLS"];
    for (const hasTls of [false, true]) {
      const danger = await dangerOf({
        host,
        allowedHosts: "tree.example",
        isProxied: false,
        hasTls,
        isOn: false,
      });
      expect(danger?.refusal).toContain(noTokens);
      for (const line of safeSetUp) expect(danger?.refusal).toContain(line);
    }
    expect(
      (await dangerOf({ host, allowedHosts: "tree.example", isProxied: false, hasTls: false, isOn: true }))
        ?.refusal,
    ).toContain(noTls);
    expect(
      await dangerOf({ host, allowedHosts: "tree.example", isProxied: false, hasTls: true, isOn: true }),
    ).toBeNull();
  });
});

plainTest("whoever reaches this machine by way of a proxy needs a token", async () => {
  const behindProxy = { host: "127.0.0.1", allowedHosts: "tree.example", isProxied: true, hasTls: false };
  expect((await dangerOf({ ...behindProxy, isOn: false }))?.refusal).toContain("whoever reaches the proxy");
  expect(await dangerOf({ ...behindProxy, isOn: true })).toBeNull();
});

plainTest(
  "a web page is not let in by a name of its own: any name will do only with access control",
  async () => {
    const anyName = { host: "127.0.0.1", allowedHosts: "tree.example,*", isProxied: false, hasTls: false };
    expect((await dangerOf({ ...anyName, isOn: false }))?.refusal).toContain("DNS rebinding");
    expect(await dangerOf({ ...anyName, isOn: true })).toBeNull();
  },
);

test("a service that others could reach does not start without access control, unless it is said to: then it warns", async ({
  dataDir,
}) => {
  const args = ["--host", "0.0.0.0"];
  const proxied = ["--trust-proxy", "127.0.0.1"];
  const [refused, behindProxy, insecure] = await Promise.all([
    ServerProcess.runToEnd({ dataDir: join(dataDir, "refused"), args }),
    ServerProcess.runToEnd({ dataDir: join(dataDir, "behind-proxy"), args: proxied }),
    ServerProcess.start({ dataDir: join(dataDir, "insecure"), args: [...args, "--insecure"] }),
  ]);
  expect([refused.code, refused.logs.at(-1)?.msg]).toEqual([
    1,
    expect.stringContaining("could not start: --host 0.0.0.0 lets others in, and access control is off"),
  ]);
  expect([behindProxy.code, behindProxy.logs.at(-1)?.msg]).toEqual([
    1,
    expect.stringContaining("could not start: --trust-proxy says that others come by way of a proxy"),
  ]);
  try {
    const warning = await insecure.logged(
      "insecure: there is no access control, whoever can reach these addresses may read and change everything",
    );
    expect(insecure.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
    expect(warning).toMatchObject({ level: "warn", addresses: [insecure.url] });
  } finally {
    await insecure.kill();
  }
});

test("the first token turns access control on, for good: no file that is spoilt or gone turns it off [O13, D17]", async ({
  dataDir,
  start,
}) => {
  const { file, secret } = layFirstToken(dataDir, "admin");
  const headers = { authorization: `Bearer ${secret}` };
  const first = await start();
  const http = new Http(first.url);
  expect((await http.get("/v1/whoami", { headers })).json()).toEqual({ by: "token:admin" });
  expect((await http.get("/v1/znodes/")).status).toBe(401);
  expect(existsSync(file)).toBe(false);
  expect(JSON.stringify(first.logs)).not.toContain(secret);
  await first.kill();

  writeFileSync(file, "spoilt", { mode: 0o600 });
  const refused = await ServerProcess.runToEnd({ dataDir });
  expect([refused.code, refused.logs.at(-1)?.msg]).toEqual([
    1,
    expect.stringContaining(`${file} is not what \`treekeeper token init\` writes`),
  ]);
  rmSync(file);

  const second = await start("--host", "0.0.0.0", ...tls);
  expect(second.url).toMatch(/^https:/);
  expect(second.hasLogged("insecure")).toBe(false);
  await second.terminate();
  const third = await start();
  expect((await new Http(third.url).get("/v1/whoami")).status).toBe(401);
  expect((await new Http(third.url).get("/v1/whoami", { headers })).status).toBe(200);
});
