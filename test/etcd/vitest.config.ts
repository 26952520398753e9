import { defineConfig } from "vitest/config";
import { suite, withPrograms } from "../support/suite.ts";

const common = { ...withPrograms, testTimeout: 300_000, hookTimeout: 120_000 };

/** What has to hold wherever the log is. */
const suites = ["routes", "watches", "coordination", "client", "servers"].map(
  (name) => `test/${name}/**/*.test.ts`,
);

/** The same tests with the log in etcd, on so many members and, where they only ask, with as many servers. */
function inEtcd(count: number) {
  return suite({
    ...common,
    name: `log in etcd x ${count}`,
    globalSetup: [common.globalSetup, "test/etcd/etcd-for-suites.ts"],
    setupFiles: ["test/etcd/leave-out.ts"],
    env: { ...common.env, MEMBERS_OF_ETCD: String(count), SERVERS_OF_LOG: String(count) },
    include: suites,
    maxWorkers: 3,
    sequence: { groupOrder: count },
  });
}

const own = suite({ ...common, name: "etcd", include: ["test/etcd/*.test.ts"], maxWorkers: 1 });

export default defineConfig({ test: { projects: [own, inEtcd(1), inEtcd(3)] } });
