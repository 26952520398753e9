// The dashboard and the alerts in ops/ ask for metrics that there are, with labels that they have; Prometheus' own linter
// takes them, and what is served, where it is to be had.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { parse } from "yaml";
import { metrics } from "../../src/metrics/metrics.ts";
import { test } from "../routes/server-fixture.ts";
import { projectFolder, readDocument } from "../support/markdown.ts";

const alertsFile = "ops/alerts.yaml";
const dashboardFile = "ops/grafana.json";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
}

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const { groups } = parse(readDocument(alertsFile)) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

const dashboard = JSON.parse(readDocument(dashboardFile)) as Dashboard;
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Each metric that is asked for, and the labels it is asked for by. */
function askedIn(text: string): { name: string; labels: string[] }[] {
  return Array.from(
    text.matchAll(/\b((?:treekeeper|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g),
    ([, name, by = ""]) => ({
      name: String(name),
      labels: Array.from(by.matchAll(/([a-z_]+)(?==~?"|!)/g), ([label]) => label),
    }),
  );
}

/** Labels that Prometheus adds. */
const scraped = ["job", "instance", "le"];

function unknownIn(asked: readonly { name: string; labels: readonly string[] }[]): string[] {
  return asked.flatMap(({ name, labels }) => {
    const base = name.replace(/_(bucket|sum|count)$/, "");
    const metric = metrics[name] ?? (metrics[base]?.type === "histogram" ? metrics[base] : undefined);
    if (metric === undefined) return [name];
    if (metric.type === "histogram" && metrics[name] !== undefined) return [`${name} without a suffix`];
    return labels
      .filter((label) => ![...scraped, ...metric.labels].includes(label))
      .map((label) => `${name}{${label}}`);
  });
}

test("the dashboard asks for metrics that there are", () => {
  const asked = expressions.flatMap(askedIn);
  expect(asked.length).toBeGreaterThan(50);
  expect(unknownIn(asked)).toEqual([]);
});

test("each panel of the dashboard has something to show, an id of its own and a place of its own", () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { type, title, targets = [], gridPos } of panels) {
    expect(targets.length > 0, title).toBe(type !== "row");
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(x < 24 && !taken.has(`${x},${y}`), title).toBe(true);
        taken.add(`${x},${y}`);
      }
    }
  }
});

test("the alerts ask for metrics that there are, and each says what to do", () => {
  const asked = alerts.flatMap(({ expr }) => askedIn(expr));
  expect(asked.length).toBeGreaterThan(20);
  expect(unknownIn(asked)).toEqual([]);
  for (const { alert, labels, annotations } of alerts) {
    expect(alert).toMatch(/^Treekeeper[A-Z]/);
    expect(labels.severity).toMatch(/^(page|ticket)$/);
    expect(annotations.summary).toContain("$labels.instance");
    expect(annotations.description, alert).toMatch(/^.{20,}\.$/);
    for (const { name } of askedIn(annotations.description)) expect(metrics, alert).toHaveProperty(name);
  }
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;
const isRequired = process.env.TREEKEEPER_PROMTOOL === "required";
const linted = test.skipIf(!promtool && !isRequired);

linted("promtool takes the alerts", () => {
  const output = execFileSync("promtool", ["check", "rules", join(projectFolder, alertsFile)], {
    encoding: "utf8",
  });
  expect(output).toMatch(/SUCCESS: \d+ rules found/);
});

linted("promtool takes what is served, and finds nothing to say of it", async ({ http, keeper }) => {
  await keeper.create("/a");
  await http.get("/v1/znodes/a");
  const { text } = await http.get("/metrics");
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});

linted("promtool takes every expression of the dashboard", () => {
  const rules = expressions.map((expr, index) => ({
    record: `dashboard:expression_${index}`,
    expr: expr
      .replaceAll("$__rate_interval", "5m")
      .replaceAll("$job", "treekeeper")
      .replaceAll("$instance", ".*"),
  }));
  const file = join(mkdtempSync(join(tmpdir(), "treekeeper-metrics-")), "rules.json");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  const { status, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
  rmSync(dirname(file), { recursive: true });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
