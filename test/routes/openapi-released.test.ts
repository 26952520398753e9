// What breaks clients that were made from the last released document is refused, until the version says that it does. That
// document is openapi/released.json. With a release it is written anew: npm run openapi:release

import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { readDocumentFile } from "../support/document.ts";
import { breakingChanges } from "../support/document-changes.ts";

const released = readDocumentFile("released.json");

/** Versions of one contract differ behind the first number that is not 0, as npm's `^` has it. */
function contractOf(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  return major === "0" ? `0.${minor}` : major;
}

test("no change breaks a client of the released document, unless the version says so", () => {
  const isAnnounced = contractOf(manifest.version) !== contractOf(released.info.version);
  const changes = isAnnounced ? [] : breakingChanges(released, readDocumentFile());
  const advice = `clients of ${released.info.version} break: take the change back, or raise the version in package.json to one that says so`;
  expect(changes, advice).toEqual([]);
  if (process.env.RELEASE_OPENAPI !== "1") return;
  const fileOf = (name: string) => fileURLToPath(new URL(`../../openapi/${name}`, import.meta.url));
  copyFileSync(fileOf("openapi.json"), fileOf("released.json"));
});

test("the released document is of this version or an earlier one", () => {
  const numbers = (version: string) => version.split(".").map(Number);
  const [now, then] = [numbers(manifest.version), numbers(released.info.version)];
  const first = now.findIndex((number, index) => number !== then[index]);
  expect(first === -1 || Number(now[first]) > Number(then[first])).toBe(true);
});
