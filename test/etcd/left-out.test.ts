// What is left out is there to be left out, and of all that is in the same files most is not.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectFolder } from "../support/markdown.ts";
import { aboutOneServer, aboutOtherLogs } from "./left-out.ts";

const entriesMax = 24;

test.for(Object.keys({ ...aboutOtherLogs, ...aboutOneServer }))(
  "there is a test that begins with: %s",
  (entry) => {
    const [file = "", ...words] = entry.split(" ");
    const title = words.join(" ");
    // Groups of one test each are made of the operations of the document.
    const places = file.endsWith("openapi-examples.test.ts") ? ["openapi/openapi.json"] : [`test/${file}`];
    const text = places.map((place) => readFileSync(join(projectFolder, place), "utf8")).join("");
    expect(text).toContain(`"${title}`);
  },
);

test("few are left out", () => {
  expect(Object.keys({ ...aboutOtherLogs, ...aboutOneServer }).length).toBeLessThanOrEqual(entriesMax);
});
