// What came of the questions, as a scorecard: how many promises hold, by subject and by rule, and what is known of those
// that do not. Pure: from a report to an object, and from that to text.

import { stripVTControlCharacters } from "node:util";
import type { Exchange } from "../support/http.ts";
import { type Report, subjectOf } from "./questions.ts";

export interface Scorecard extends Count {
  readonly urls: readonly string[];
  readonly subjects: readonly (Count & { readonly subject: string })[];
  /** Rules of docs/rules.md, by the promises that name them. */
  readonly rules: readonly (Count & { readonly rule: string })[];
  readonly failures: readonly Failure[];
}

interface Count {
  /** How many promises hold. */
  readonly held: number;
  /** How many there are. */
  readonly asked: number;
}

interface Promised {
  readonly subject: string;
  readonly promise: string;
  readonly rules: readonly string[];
  /** Null where it holds. */
  readonly failure: Failure | null;
}

interface Failure {
  readonly subject: string;
  /** The sentence, as the tests have it. */
  readonly promise: string;
  readonly rules: readonly string[];
  readonly reason: string;
  /** The last requests before it failed, and their answers; none where it sent bytes or read a stream only. */
  readonly exchanges: readonly Exchange[];
}

export function scorecardOf(urls: readonly string[], report: Report): Scorecard {
  const promises = report.testResults.flatMap(promisesIn);
  return {
    urls,
    ...countOf(promises),
    subjects: countsBy(promises, ({ subject }) => [subject]).map(([subject, count]) => ({
      subject,
      ...count,
    })),
    rules: countsBy(promises, ({ rules }) => rules).map(([rule, count]) => ({ rule, ...count })),
    failures: promises.flatMap(({ failure }) => failure ?? []),
  };
}

function promisesIn({ name, status, message, assertionResults }: Report["testResults"][number]): Promised[] {
  const subject = subjectOf(name);
  if (assertionResults.length === 0 && status !== "passed") {
    const failed = { subject, promise: "its questions can be asked", rules: [] };
    return [{ ...failed, failure: { ...failed, reason: reasonIn(message), exchanges: [] } }];
  }
  return assertionResults.map(({ fullName, status: fate, failureMessages, meta }) => {
    const [, promise = fullName, ids = ""] = /^(.*?)(?: \[([^\]]+)\])?$/s.exec(fullName) ?? [];
    const promised = { subject, promise, rules: ids === "" ? [] : ids.split(", ") };
    if (fate === "passed") return { ...promised, failure: null };
    // What was not asked was not shown to hold.
    const reason = failureMessages?.length ? reasonIn(failureMessages.join("\n")) : `It was ${fate}.`;
    return { ...promised, failure: { ...promised, reason, exchanges: meta.exchanges ?? [] } };
  });
}

/** Without the trace, which leads into the tests. */
function reasonIn(message: string): string {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => !/^\s+at /.test(line));
  return lines.join("\n").trim();
}

function countOf(promises: readonly Promised[]): Count {
  return { held: promises.filter(({ failure }) => failure === null).length, asked: promises.length };
}

function countsBy(
  promises: readonly Promised[],
  namesOf: (promised: Promised) => readonly string[],
): [string, Count][] {
  const names = [...new Set(promises.flatMap(namesOf))];
  const inOrder = names.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  return inOrder.map((name) => [name, countOf(promises.filter((one) => namesOf(one).includes(name)))]);
}

const rulesPerLine = 8;
const textCharactersMax = 300;
const headersShown = ["zxid", "etag", "location", "content-type", "retry-after", "allow"];

export function textOf({ urls, held, asked, subjects, rules, failures }: Scorecard): string {
  const cells = rules.map((count) => `${count.rule} ${fraction(count)}`.padEnd(12));
  const lines = cells.flatMap((_, index) =>
    index % rulesPerLine === 0
      ? [
          `  ${cells
            .slice(index, index + rulesPerLine)
            .join("")
            .trimEnd()}`,
        ]
      : [],
  );
  return [
    `Conformance of ${urls.join(", ")}`,
    ["Subjects: promises that hold, of those asked", ...subjects.map(subjectLine)].join("\n"),
    ["Rules", ...lines].join("\n"),
    ...failures.map(failureText),
    `${held} of ${asked} promises hold.`,
  ].join("\n\n");
}

function subjectLine({ subject, ...count }: Scorecard["subjects"][number]): string {
  return `  ${subject.padEnd(16)} ${fraction(count)}${count.held === count.asked ? "" : "  does not hold"}`;
}

function fraction({ held, asked }: Count): string {
  return `${held}/${asked}`;
}

function failureText({ subject, promise, rules, reason, exchanges }: Failure): string {
  const ids = rules.length === 0 ? "" : ` [${rules.join(", ")}]`;
  return [`NOT HELD  ${subject}: ${promise}${ids}`, indented(reason), ...exchanges.map(exchangeText)].join(
    "\n",
  );
}

function exchangeText({ request, headers, body, status, answerHeaders, answer }: Exchange): string {
  const shown = Object.entries(answerHeaders).filter(([name]) => headersShown.includes(name.toLowerCase()));
  return [
    `    > ${[request, ...headerTexts(Object.entries(headers))].join("  ")}`,
    ...(body === "" ? [] : [indented(body)]),
    `    < ${[status, ...headerTexts(shown)].join("  ")}`,
    ...(answer === "" ? [] : [indented(answer)]),
  ].join("\n");
}

function headerTexts(headers: readonly (readonly [string, string])[]): string[] {
  return headers.map(([name, value]) => shortened(`${name}: ${value}`));
}

function indented(text: string): string {
  return shortened(text.trimEnd()).replaceAll(/^/gm, "      ");
}

function shortened(text: string): string {
  return text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax)}…`;
}
