// Every promise of test/conformance holds where the log is in etcd: on one server and one member, and on three of each, where
// any server answers any request.

import { expect, test } from "vitest";
import { ask, subjects } from "../scorecard/questions.ts";
import { scorecardOf, textOf } from "../scorecard/scorecard.ts";
import { makeDataDir, removeDataDir, ServerProcess } from "../support/process.ts";
import { Etcd } from "./etcd-process.ts";

test.for([1, 3])("%i servers over as many members are one service", async (count, { onTestFinished }) => {
  const etcd = await Etcd.start(count);
  onTestFinished(() => etcd.stop());
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const dataDir = makeDataDir();
      const args = ["--log", "etcd", "--etcd-endpoints", etcd.endpoints.join(",")];
      const server = await ServerProcess.start({ dataDir, args });
      onTestFinished(async () => {
        await server.kill();
        removeDataDir(dataDir);
      });
      return server;
    }),
  );
  const urls = servers.map(({ url }) => url);
  const scorecard = scorecardOf(urls, await ask(urls, subjects()));
  expect(scorecard.asked).toBeGreaterThan(0);
  expect(scorecard.held, textOf(scorecard)).toBe(scorecard.asked);
});
