// A real service has every metric of the table, but for those of a log that is elsewhere: nothing that it is made of is left
// out.

import { expect } from "vitest";
import { metrics } from "../../src/metrics/metrics.ts";
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";
import { etcdMovers } from "./movers/etcd.ts";
import { readMetrics } from "./reading.ts";

test("a service as it is started has all of the table, and counts of its file and its process", async ({
  start,
}) => {
  const http = new Http((await start()).url);
  expect((await http.post("/v1/znodes/a", { body: "x" })).status).toBe(201);
  const families = readMetrics((await http.get("/metrics")).text);
  const isElsewhere = (name: string) => name in etcdMovers || name.startsWith("treekeeper_followed_");
  expect([...families.keys()]).toEqual(Object.keys(metrics).filter((name) => !isElsewhere(name)));
  const told = (name: string) => families.get(name)?.samples.get(name) ?? 0;
  expect(
    families
      .get("treekeeper_commit_duration_seconds")
      ?.samples.get("treekeeper_commit_duration_seconds_count"),
  ).toBe(1);
  for (const name of [
    "disk_free_bytes",
    "database_bytes",
    "on_duty",
    "heap_used_bytes",
    "tree_memory_bytes_max",
  ])
    expect(told(`treekeeper_${name}`), name).toBeGreaterThan(0);
  expect(told("treekeeper_ready")).toBe(1);
});
