// Metrics as Prometheus reads them: its text format, version 0.0.4. It knows how a value is written, and not what any of
// them means.

import type { Histogram } from "../histogram.ts";

export const metricsMediaType = "text/plain; version=0.0.4; charset=utf-8";

export type MetricType = "counter" | "gauge" | "histogram";

export type Labels = Readonly<Record<string, string>>;

/** A value and what tells it from others of its name. */
export interface Sample<Value> {
  readonly labels: Labels;
  readonly value: Value;
}

/** What stands above the values of a name. */
export interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
}

export function linesOfFamily({ name, type, help }: Family, samples: readonly string[]): string {
  if (samples.length === 0) return "";
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${samples.join("")}`;
}

export function lineOf(name: string, { labels, value }: Sample<number>): string {
  return `${name}${textOfLabels(labels)} ${value}\n`;
}

/** @param perUnit what it observes by what its name says, such as 1000 for milliseconds and seconds */
export function linesOfHistogram(
  name: string,
  { labels, value }: Sample<Histogram>,
  perUnit: number,
): string {
  const counts = value.cumulated();
  const buckets = counts.map((count, index) => {
    const bound = value.bounds[index];
    const le = bound === undefined ? "+Inf" : String(bound / perUnit);
    return lineOf(`${name}_bucket`, { labels: { ...labels, le }, value: count });
  });
  const sum = lineOf(`${name}_sum`, { labels, value: value.sum / perUnit });
  return `${buckets.join("")}${sum}${lineOf(`${name}_count`, { labels, value: counts.at(-1) as number })}`;
}

function textOfLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
