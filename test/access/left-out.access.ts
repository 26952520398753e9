// What is left out is there to be left out, and of all that is in the same files most is not.

import { expect, test } from "vitest";
import { expectIsThere } from "../support/left-out.ts";
import { aboutOtherCallers } from "./left-out.ts";

const entriesMax = 45;

test.for(Object.keys(aboutOtherCallers))("there is a test that begins with: %s", expectIsThere);

test("few are left out", () => {
  expect(Object.keys(aboutOtherCallers).length).toBeLessThanOrEqual(entriesMax);
});
