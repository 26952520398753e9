// Tests of the log in etcd; and the suites that hold wherever the log is, with their logs there (test/support/logs.ts).

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { suite, withPrograms } from "../support/suite.ts";

const common = { ...withPrograms, testTimeout: 300_000, hookTimeout: 120_000 };
const underFaults = "test/etcd/log-under-faults-*.test.ts";

/** What goes by one of these has a server with a log behind it; other tests of routes and the client read, or follow a script. */
const wayToServer = /\/(process|proxied|server-fixture|watches\/fixture)\.ts"/;

function filesIn(folder: string): string[] {
  const ofServers = folder !== "routes" && folder !== "client";
  const path = join(import.meta.dirname, "..", folder);
  return readdirSync(path)
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => ofServers || wayToServer.test(readFileSync(join(path, file), "utf8")))
    .map((file) => `test/${folder}/${file}`);
}

/** One member and one server; or three, with three servers where tests ask by HTTP, any of which answers. */
function suitesOver(count: number, folders: readonly string[]) {
  return suite({
    ...common,
    name: `log in etcd x ${count}`,
    globalSetup: [common.globalSetup, "test/etcd/etcd-for-suites.ts"],
    setupFiles: ["test/etcd/leave-out.ts"],
    env: {
      ...common.env,
      ...{ MEMBERS_OF_ETCD: String(count), SERVERS_OF_LOG: String(count) },
      // Of what takes a log for each of many rounds.
      WATCH_ROUNDS: "8",
    },
    include: folders.flatMap(filesIn),
    maxWorkers: 3,
    sequence: { groupOrder: 2 + count },
  });
}

export default defineConfig({
  test: {
    projects: [
      // Most of them wait for what befalls a cluster.
      suite({
        ...{ ...common, name: "etcd", include: ["test/etcd/*.test.ts"], exclude: [underFaults] },
        ...{ maxWorkers: 2, sequence: { groupOrder: 1 } },
      }),
      suite({
        ...{ ...common, name: "log under faults", include: [underFaults] },
        ...{ maxWorkers: 2, sequence: { groupOrder: 2 } },
      }),
      suitesOver(1, ["routes", "watches", "coordination", "servers", "client"]),
      suitesOver(3, ["routes", "watches", "coordination", "servers"]),
    ],
  },
});
