// What is left out is there to be left out, and of all that is in the same files most is not.

import { expect, test } from "vitest";
import { expectIsThere } from "../support/left-out.ts";
import { aboutOneServer, aboutOtherLogs } from "./left-out.ts";

const entriesMax = 24;

test.for(Object.keys({ ...aboutOtherLogs, ...aboutOneServer }))(
  "there is a test that begins with: %s",
  expectIsThere,
);

test("few are left out", () => {
  expect(Object.keys({ ...aboutOtherLogs, ...aboutOneServer }).length).toBeLessThanOrEqual(entriesMax);
});
