import { expect, test } from "vitest";
import { connectionsWithin, readDescriptors } from "../src/descriptors.ts";

const wanted = { connectionsMax: 1000, surplusConnectionsMax: 256 };

test.for([
  { openMax: Number.POSITIVE_INFINITY, connectionsMax: 1000, surplusConnectionsMax: 256 },
  { openMax: 1316, connectionsMax: 1000, surplusConnectionsMax: 256 },
  { openMax: 1315, connectionsMax: 999, surplusConnectionsMax: 256 },
  { openMax: 460, connectionsMax: 300, surplusConnectionsMax: 100 },
  { openMax: 68, connectionsMax: 6, surplusConnectionsMax: 2 },
])(
  "of $openMax files that may be open $connectionsMax are connections, and $surplusConnectionsMax in reserve",
  ({ openMax, ...bounds }) => {
    expect(connectionsWithin(wanted, { openMax, openNow: 40 })).toEqual(bounds);
  },
);

test("too few files to serve at all stop the start with a sentence", () => {
  expect(() => connectionsWithin(wanted, { openMax: 67, openNow: 40 })).toThrow(
    'The process may open 67 files, and needs 68 at least; raise "ulimit -n".',
  );
});

test("what the process may open and has open is known", () => {
  const { openMax, openNow } = readDescriptors();
  expect(openNow).toBeGreaterThan(2);
  expect(openMax).toBeGreaterThan(openNow);
});
