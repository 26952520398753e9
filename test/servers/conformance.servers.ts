// The whole conformance suite against three servers of one service whose log is far away, once for each seed: any server
// answers any request, their clocks differ, and all of them end in the same state.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { turnOnAccess } from "../support/access.ts";
import { random } from "../support/random.ts";
import { type Member, Servers, skewedClock } from "./servers.ts";
import { Weather } from "./weather.ts";

const serverCount = 3;
const clockSkewMsMax = 60_000;

/** Of so many seeds one has access control. */
const guardedEvery = 4;

const firstSeed = Number(process.env.SERVERS_SEED ?? 1);
const count = Number(process.env.SERVERS_COUNT ?? 20);
const seeds = Array.from({ length: count }, (_, index) => firstSeed + index);

test.concurrent.for(seeds)(
  "three servers are one service, and end in one state, with seed %i",
  async (seed, { expect }) => {
    const servers = await Servers.start(clocksFor(seed));
    const weathers = servers.members.map(
      (member, index) => new Weather(member.log, seed * serverCount + index),
    );
    for (const weather of weathers) weather.begin();
    const admin = seed % guardedEvery === 0 ? await adminOf(servers) : undefined;
    const failures = await conformanceFailures(servers.urls, seed, admin);
    for (const weather of weathers) weather.end();
    const [state, ...others] = await servers.states();
    await servers.stop();
    expect.soft(failures).toBe("");
    expect(others).toEqual(others.map(() => state));
  },
);

/** No two servers agree on the time of day. */
function clocksFor(seed: number) {
  const chance = random(seed);
  const skewMs = () => Math.round((chance() * 2 - 1) * clockSkewMsMax);
  return Array.from({ length: serverCount }, () => skewedClock(skewMs()));
}

/** Known at every server before the first question. @returns the secret of an admin's token */
async function adminOf(servers: Servers): Promise<string> {
  const [{ store }] = servers.members as readonly [Member];
  const { authorization } = await turnOnAccess(store);
  await Promise.all(servers.members.map((member) => member.store.sync()));
  return authorization.replace("Bearer ", "");
}

/** What an admin is not promised is left out (test/access/left-out.ts). */
const forAdmin = ["--config", "test/access/vitest.config.ts", "--project", "with access control on"];

/** What the suite says when something fails; nothing when all is well. */
async function conformanceFailures(urls: readonly string[], seed: number, admin?: string): Promise<string> {
  const options = ["--no-isolate", "--maxWorkers=2", "--reporter=agent", "--no-color"];
  const asked = ["test/conformance", ...(admin === undefined ? [] : forAdmin)];
  const runner = spawn("vitest", ["run", ...options, ...asked], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: {
      ...process.env,
      ...{ TREEKEEPER_URL: urls.join(","), TREEKEEPER_SEED: String(seed) },
      ...(admin !== undefined && { SECRET_OF_ADMIN: admin }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [code]] = await Promise.all([
    text(runner.stdout),
    text(runner.stderr),
    once(runner, "close"),
  ]);
  return code === 0 ? "" : `${out}\n${err}`;
}
