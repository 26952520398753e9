// Metrics read back from their text, strictly as the format has it: what no parser would take is an error here.

/** One family: what stands above its samples, and these in the order they came. */
export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  /** By name and labels as they are written. */
  readonly samples: ReadonlyMap<string, number>;
}

const namePattern = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const labelPattern = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const helpLine = new RegExp(`^# HELP (${namePattern}) (.+)$`);
const typeLine = new RegExp(`^# TYPE (${namePattern}) (counter|gauge|histogram)$`);
const sampleLine = new RegExp(
  String.raw`^(${namePattern})(\{${labelPattern}(?:,${labelPattern})*\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$`,
);

/** @throws Error for a line that is none, a family that comes twice, or a sample that is not of the one above it */
export function readMetrics(text: string): Map<string, ReadFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, ReadFamily>();
  const lines = text.slice(0, -1).split("\n");
  for (let at = 0; at < lines.length; ) {
    const [, name, help] = helpLine.exec(lines[at] ?? "") ?? [];
    const [, typed, type] = typeLine.exec(lines[at + 1] ?? "") ?? [];
    if (
      name === undefined ||
      help === undefined ||
      type === undefined ||
      typed !== name ||
      families.has(name)
    )
      throw new Error(`no family begins with ${lines[at]}`);
    const samples = new Map<string, number>();
    for (at += 2; at < lines.length && !lines[at]?.startsWith("#"); at += 1)
      readSample(lines[at] as string, { name, type }, samples);
    families.set(name, { type, help, samples });
  }
  return families;
}

function readSample(
  line: string,
  family: { name: string; type: string },
  samples: Map<string, number>,
): void {
  const [, name, labels = "", value] = sampleLine.exec(line) ?? [];
  const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  if (!suffixes.some((suffix) => name === family.name + suffix))
    throw new Error(`no sample of ${family.name}: ${line}`);
  if (samples.has(name + labels)) throw new Error(`twice the same: ${line}`);
  samples.set(name + labels, Number(value));
}

/**
 * What a family says in one number: the sum of its samples, of those with the label where one is given; of a histogram, how
 * often something was observed. 0 where it is not there.
 */
export function valueIn(text: string, name: string, label = ""): number {
  const family = readMetrics(text).get(name);
  if (family === undefined) return 0;
  const sampleName = family.type === "histogram" ? `${name}_count` : name;
  let sum = 0;
  for (const [key, value] of family.samples) {
    if (key.split("{", 1)[0] === sampleName && key.includes(label)) sum += value;
  }
  return sum;
}
