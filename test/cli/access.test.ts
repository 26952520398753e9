// The access token on the command line: where it comes from, who else may have it, and what its refusal comes to. How
// tokens and policies are made by it, docs/security.md shows and is held to.

import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { layFirstToken } from "../../src/access/first-token.ts";
import { ScriptedServer } from "../client/scripted-server.ts";
import type { ServerProcess } from "../support/process.ts";
import { CliProcess, ownTest, test } from "./fixture.ts";

const nowhere = "http://127.0.0.1:9";

/** With a service that knows an admin, whose token is in a file. */
const accessTest = ownTest.extend<{ server: ServerProcess }>({
  server: async ({ dataDir, start }, use) => {
    fileWith(dataDir, "admin.token", layFirstToken(dataDir, "admin").secret);
    await use(await start());
  },
});

/** A file with this in it. */
function fileWith(dataDir: string, name: string, text: string, mode = 0o600): string {
  const file = join(dataDir, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

accessTest(
  "the token comes from a file or the environment, and who has none that will do ends with 77",
  async ({ cli, server: { dataDir } }) => {
    const file = join(dataDir, "admin.token");
    const secret = readFileSync(file, "utf8");
    const wrong = fileWith(dataDir, "wrong", "tk_wrong");
    const link = join(dataDir, "link");
    symlinkSync(file, link);
    const given: [args: string[], env: Record<string, string>, code: number][] = [
      [[], {}, 77],
      [[], { TREEKEEPER_TOKEN: "tk_wrong" }, 77],
      [["--token-file", wrong], { TREEKEEPER_TOKEN: secret }, 77],
      [[], { TREEKEEPER_TOKEN: secret, TREEKEEPER_TOKEN_FILE: wrong }, 0],
      [[], { TREEKEEPER_TOKEN: "", TREEKEEPER_TOKEN_FILE: file }, 0],
      [["--token-file", link], { TREEKEEPER_TOKEN_FILE: wrong }, 0],
    ];
    const results = await Promise.all(given.map(([args, env]) => cli(["whoami", ...args], { env }).ended));
    expect(results.map(({ code }) => code)).toEqual(given.map(([, , code]) => code));
    const refused = results.filter(({ code }) => code === 77).map(({ stdout, stderr }) => stdout + stderr);
    for (const said of refused) expect(said).toContain("name it by --token-file, TREEKEEPER_TOKEN_FILE or");
    const done = results.filter(({ code }) => code === 0);
    for (const { stdout, stderr } of done) expect([stdout, stderr]).toEqual(["token:admin\n", ""]);

    // A command that is run under a lock.
    const env = { TREEKEEPER_TOKEN: secret, TREEKEEPER_TOKEN_FILE: file, TREEKEEPER_ACL_AUTH: "me:pass" };
    const script =
      "printenv TREEKEEPER_TOKEN TREEKEEPER_ACL_AUTH || echo none; printenv TREEKEEPER_TOKEN_FILE";
    const [kept, passed] = await Promise.all(
      [[], ["--pass-token"]].map(
        (args) => cli(["lock", "l", ...args, "--", "sh", "-c", script], { env }).ended,
      ),
    );
    expect([kept?.stdout, passed?.stdout]).toEqual([`none\n${file}\n`, `${secret}\nme:pass\n${file}\n`]);

    // The token of one that runs is another one from here on.
    const renewed = fileWith(dataDir, "renewed", secret);
    const watching = cli(["watch", "/", "--initial", "--token-file", renewed]);
    expect(await watching.line()).toMatch(/^\d+ exists \/ $/);
    const admin = cli(["token", "rotate", "admin"], { env });
    const next = (await admin.ended).stdout;
    writeFileSync(renewed, next);
    const made = await cli(["set", "/", "1", "--token-file", renewed]).ended;
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(await watching.line()).toMatch(/^\d+ changed \/ 1$/);
  },
);

test("a file is read again for each request, and what was read last counts while it is in the making", async ({
  dataDir,
}) => {
  const server = await ScriptedServer.start();
  const file = fileWith(dataDir, "token", "tk_one");
  const listing = new CliProcess(["token", "list", "--token-file", file], { endpoint: server.url });
  const shown: unknown[] = [];
  for (const [next, text] of [
    ["a", ""],
    ["b", "tk_two\n"],
    [undefined, "tk_three"],
  ] as const) {
    const exchange = await server.request();
    shown.push(exchange.headers.authorization);
    writeFileSync(file, text);
    exchange.reply(200, { tokens: [], next });
  }
  expect(await listing.ended).toMatchObject({ code: 0, stderr: "" });
  expect(shown).toEqual(["Bearer tk_one", "Bearer tk_one", "Bearer tk_two"]);
  await server.stop();
});

test("a file that others may read, or that holds no token, is not used, and nothing of it is told", async ({
  dataDir,
}) => {
  const secret = "tk_secret";
  const cases: [file: string, said: string][] = [
    [fileWith(dataDir, "open", secret, 0o640), "is open to other users (mode 0640): chmod 600 it"],
    [fileWith(dataDir, "two", `${secret}\n${secret}`), "holds no access token"],
    [fileWith(dataDir, "empty", ""), "holds no access token"],
    [fileWith(dataDir, "long", secret.repeat(1000)), "holds no access token"],
    [join(dataDir, "missing"), "cannot be read (ENOENT)"],
    [dataDir, "cannot be read (EISDIR)"],
  ];
  const ends = cases.map(
    ([file]) => new CliProcess(["whoami", "--token-file", file], { endpoint: nowhere }).ended,
  );
  for (const [index, { code, stderr }] of (await Promise.all(ends)).entries()) {
    const [file, said] = cases[index] as [string, string];
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${file} ${said}`)]);
    expect(stderr).not.toContain(secret);
  }
  const env = { TREEKEEPER_TOKEN: "secret with spaces" };
  const spaced = await new CliProcess(["whoami"], { endpoint: nowhere, env }).ended;
  expect(spaced).toMatchObject({ code: 2, stderr: expect.not.stringContaining("secret with") });
});

test("no secret is taken from the command line", async () => {
  const { code, stderr } = await new CliProcess(["whoami", "--token", "tk_secret"], { endpoint: nowhere })
    .ended;
  expect([code, stderr]).toEqual([2, expect.stringContaining("unknown option '--token'")]);
});

test("the first token's secret stands alone on stdout, and what there is to say of it on stderr", async ({
  dataDir,
}) => {
  const args = ["token", "init", "--data-dir", dataDir];
  const { code, stdout, stderr } = await new CliProcess(args, {}).ended;
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^tk_[\w-]{43}\n$/)]);
  expect(stderr).toContain("It counts from the next start of the service");
  expect(stderr).not.toContain(stdout.trim());
  const again = await new CliProcess(args, {}).ended;
  expect(again).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("is there already") });
});
