// What goes wrong for hours is said once, not each time.

import { expect, test } from "vitest";
import { RareNote } from "../../src/cli/rare-note.ts";

test("the same trouble is said once, another one at once, and the same anew when it was over", () => {
  const said: string[] = [];
  const trouble = new RareNote({ note: (message) => said.push(message) });
  for (const message of ["away", "away", "lost", "lost", "away"]) trouble.note(message);
  expect(said).toEqual(["away", "lost", "away"]);
  expect([trouble.over(), trouble.over()]).toEqual([true, false]);
  trouble.note("away");
  expect(said.length).toBe(4);
});
