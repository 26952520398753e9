// What is taken for a `traceparent`, and what of a later version's counts.

import { expect, test } from "vitest";
import { isTraceparent, traceparentIn } from "../../src/core/traceparent.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("one of version 00 is taken as it is", () => {
  expect(traceparentIn(traceparent)).toBe(traceparent);
  expect(traceparent).toHaveLength(55);
});

test("of a later version counts what version 00 knows, and nothing behind it", () => {
  const later = traceparent.replace("00-", "01-");
  for (const header of [later, `${later}-`, `${later}-more, and "more"`])
    expect(traceparentIn(header)).toBe(traceparent);
  expect(isTraceparent(later)).toBe(false);
  expect(traceparentIn(`${later}more`)).toBeUndefined();
});

test("anything else is none", () => {
  const others = [
    "",
    "x",
    ` ${traceparent}`,
    `${traceparent}\n`,
    traceparent.toUpperCase(),
    traceparent.slice(0, -1),
    `${traceparent}0`,
    `${traceparent}-more`,
    traceparent.replace("00-", "ff-"),
    traceparent.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32)),
    traceparent.replace("00f067aa0ba902b7", "0".repeat(16)),
    traceparent.replaceAll("-", "_"),
    `${traceparent}, ${traceparent}`,
  ];
  for (const other of others) expect(traceparentIn(other), other).toBeUndefined();
});
