import { expect, test } from "vitest";
import { connectionsWithin, readDescriptors } from "../src/descriptors.ts";

const wanted = { connectionsMax: 1000, surplusConnectionsMax: 256 };

test.for([
  { openMax: Number.POSITIVE_INFINITY, connectionsMax: 1000, surplusConnectionsMax: 256 },
  { openMax: 1322, connectionsMax: 1000, surplusConnectionsMax: 256 },
  { openMax: 1321, connectionsMax: 999, surplusConnectionsMax: 256 },
  { openMax: 466, connectionsMax: 300, surplusConnectionsMax: 100 },
  { openMax: 74, connectionsMax: 6, surplusConnectionsMax: 2 },
])(
  "of $openMax files that may be open $connectionsMax are connections, and $surplusConnectionsMax in reserve",
  ({ openMax, ...bounds }) => {
    expect(connectionsWithin(wanted, { openMax, openNow: 40 })).toEqual(bounds);
  },
);

test("too few files to serve at all stop the start with a sentence", () => {
  expect(() => connectionsWithin(wanted, { openMax: 73, openNow: 40 })).toThrow(
    'The process may open 73 files, and needs 74 at least; raise "ulimit -n".',
  );
});

test("what the process may open and has open is known", () => {
  const { openMax, openNow } = readDescriptors();
  expect(openNow).toBeGreaterThan(2);
  expect(openMax).toBeGreaterThan(openNow);
});
