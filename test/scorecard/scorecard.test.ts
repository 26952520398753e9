// The scorecard of `npm run conformance`: it says that all is well of a server that is right, and of one that lies it says
// what is wrong and nothing else.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { test as processTest } from "../support/process.ts";
import { subjects } from "./questions.ts";
import type { Scorecard } from "./scorecard.ts";

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface ScorecardFixture {
  /** What the program says when it is asked so. */
  conformance: (...args: string[]) => Promise<Result>;
  /** A server whose answers go through this. */
  liar: (serverUrl: string, lie: (answer: string) => string) => Promise<string>;
}

const test = processTest.extend<ScorecardFixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  conformance: async ({}, use) => {
    await use(
      (...args) =>
        new Promise((resolve) => {
          const program = join(import.meta.dirname, "main.ts");
          execFile(process.execPath, [program, ...args], { timeout: 100_000 }, (error, stdout, stderr) =>
            resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
          );
        }),
    );
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  liar: async ({}, use) => {
    const stops: (() => void)[] = [];
    await use(async (serverUrl, lie) => {
      const proxy = createServer((client) => {
        const server = connect(Number(new URL(serverUrl).port), "127.0.0.1");
        server.on("data", (part) => client.write(lie(part.toString("latin1")), "latin1"));
        server.on("error", () => client.destroy()).on("end", () => client.end());
        server.on("close", () => client.destroy());
        client.on("error", () => server.destroy()).on("close", () => server.destroy());
        client.pipe(server);
        stops.push(() => client.destroy());
      });
      stops.push(() => proxy.close());
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
      return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    });
    for (const stop of stops) stop();
  },
});

test("a server that keeps every promise gets a full score by subject, and has nothing left to tidy up", async ({
  conformance,
  start,
}) => {
  const { url } = await start();
  const { code, stdout, stderr } = await conformance("--base-url", url);
  expect({ code, failures: stdout.match(/NOT HELD[\s\S]*/)?.[0], stderr }).toEqual({
    code: 0,
    failures: undefined,
    stderr: `Asking about ${subjects().length} of ${subjects().length} subjects.\n`,
  });
  const lines = Array.from(stdout.matchAll(/^ {2}([a-z-]+) +(\d+)\/(\d+)$/gm), ([, ...line]) => line);
  expect(lines.map(([subject]) => subject)).toEqual(subjects());
  expect(lines.filter(([, held, asked]) => held !== asked)).toEqual([]);
  const total = lines.reduce((sum, [, held]) => sum + Number(held), 0);
  expect(stdout).toContain(`\n${total} of ${total} promises hold.\n`);
  const http = new Http(url);
  // Some sessions end by themselves.
  await expect
    .poll(async () => (await http.get("/v1/sessions")).json(), { timeout: 20_000 })
    .toEqual({ sessions: [] });
  const { znodes } = (await http.get("/v1/tree")).json<{ znodes: { path: string }[] }>();
  const parents = ["/", "/barriers", "/counters", "/elections", "/locks", "/services"];
  expect(znodes.map(({ path }) => path)).toEqual(parents);
});

test("a server that hides its ETags' versions fails on conditions, by name, and on nothing else", async ({
  conformance,
  liar,
  start,
  dataDir,
}) => {
  const { url } = await start();
  const lying = await liar(url, (answer) => answer.replace(/^(etag: "\d+)-\d+/im, "$1"));
  const file = join(dataDir, "scorecard.json");
  const args = ["--base-url", lying, "--only", "conditions,sequences", "--json", file];
  const { code, stdout } = await conformance(...args);
  expect(code).toBe(1);
  const { failures, subjects: counts, rules, ...total } = JSON.parse(readFileSync(file, "utf8")) as Scorecard;
  expect(total).toEqual({ urls: [lying], held: total.asked - failures.length, asked: total.asked });
  expect(counts.find(({ subject }) => subject === "sequences")).toMatchObject({ held: 7, asked: 7 });
  expect(new Set(failures.map(({ subject }) => subject))).toEqual(new Set(["conditions"]));
  const broken = failures.find(({ promise }) => promise.startsWith("who has a znode already gets 304"));
  expect(broken).toMatchObject({ rules: ["S11"], reason: expect.stringContaining("expected") });
  const tags = broken?.exchanges.map(({ answerHeaders }) => answerHeaders.etag) ?? [];
  expect(tags).toContainEqual(expect.stringMatching(/^"\d+(\.|")/));
  const { held = 0, asked = 0 } = rules.find(({ rule }) => rule === "S11") ?? {};
  expect(held).toBeLessThan(asked);
  expect(stdout).toContain(`S11 ${held}/${asked}`);
  expect(stdout).toContain("NOT HELD  conditions: who has a znode already gets 304, from GET and HEAD alike");
});

test("a server that does not say the last transaction breaks the rule about it", async ({
  conformance,
  liar,
  start,
}) => {
  const { url } = await start();
  const lying = await liar(url, (answer) => answer.replaceAll(/^zxid: \d+\r\n/gim, ""));
  const { code, stdout } = await conformance("--base-url", lying, "--only", "znodes");
  expect(code).toBe(1);
  expect(stdout).toMatch(/ Z6 0\/1\b/);
  expect(stdout).toContain("NOT HELD  znodes: every answer says the last transaction done");
});

test("who asks wrongly, or where nothing answers, is told so, and gets no score", async ({
  conformance,
  liar,
  start,
}) => {
  const server = await start();
  const cases = [
    { args: [], said: "Say with --base-url where the server is." },
    { args: ["--base-url", server.url, "--onyl", "locks"], said: "Unknown option '--onyl'" },
    {
      args: ["--base-url", server.url, "--only", "lock"],
      said: 'There is no subject "lock"; there are acl, barriers,',
    },
    { args: ["--base-url", "https://localhost"], said: "A base URL is http://HOST:PORT without a path;" },
    { args: ["--base-url", `${server.url}/below`], said: "A base URL is http://HOST:PORT without a path;" },
  ];
  for (const { args, said } of cases) {
    const result = await conformance(...args);
    expect(result).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(said) });
  }
  // Its address is nobody else's: the proxy that has it leads nowhere.
  const nowhere = await liar(server.url, (answer) => answer);
  await server.kill();
  expect(await conformance("--base-url", `${server.url},${nowhere}`)).toMatchObject({
    ...{ code: 2, stdout: "" },
    stderr: expect.stringMatching(/^Nothing answers at http:\S+ \(\w+\)\. Is the server running\?$/m),
  });
});
