// Two of three members are killed and come back, again and again: meanwhile nothing can be ordered, and that is said; nobody's
// session ends for it, however long it was; and afterwards everything goes on.

import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { rounds } from "../support/effort.ts";
import { Http } from "../support/http.ts";
import { random } from "../support/random.ts";
import { Cluster } from "./cluster.ts";
import { SteadyWork } from "./steady-work.ts";

/** Short, so that whoever counts silence where nobody could be heard ends them soon. */
const keptTimeoutMs = 2000;
const roundCount = rounds({ usual: 2, full: 20 });

test("two of three members are down and back: nothing is lost, and no session ends", async ({
  onTestFinished,
}) => {
  const cluster = await Cluster.start({ serverArgs: ["--session-timeout-ms-min", "500"] });
  onTestFinished(() => cluster.stop());
  const work = await SteadyWork.start(cluster.urls, keptTimeoutMs);
  const chance = random(1);
  for (let round = 0; round < roundCount; round += 1) {
    const left = Math.floor(chance() * 3);
    const down = [0, 1, 2].filter((index) => index !== left);
    await Promise.all(down.map((index) => cluster.member(index).kill()));
    await Promise.all(cluster.urls.map(untilSuspended));
    const before = work.acknowledged.length;
    // In some rounds for longer than sessions may be silent.
    await wait(round % 4 === 1 ? keptTimeoutMs : 100);
    expect(work.acknowledged.length).toBe(before);
    for (const index of down) cluster.member(index).restart();
    await work.goesOn();
  }
  await work.judge();
});

async function untilSuspended(url: string): Promise<void> {
  const http = new Http(url);
  // What was sent before it was known waits, since it may be in the log: so each is asked anew.
  const asked = () =>
    fetch(`${url}/v1/znodes/none`, { method: "PUT", body: "x", signal: AbortSignal.timeout(500) });
  const code = async () => ((await (await asked()).json()) as { code: string }).code;
  await expect.poll(() => code().catch(() => ""), { timeout: 20_000 }).toBe("suspended");
  expect((await http.get("/readyz")).status).toBe(503);
}
