// GET /llms.txt, and the skill that says the same at more length: both teach the five calls, and can be found.

import { expect } from "vitest";
import { Http } from "../support/http.ts";
import { codeBlocksOf, readDocument } from "../support/markdown.ts";
import { test } from "../support/process.ts";

const skillFile = "docs/skills/treekeeper/SKILL.md";

/** What a session, an ephemeral, a fenced lock, a watch, and the end are asked with. */
const fiveCalls = [
  /-X POST \S+\/v1\/sessions /,
  /-X POST \S+\/v1\/znodes\/\S+ephemeral=true/,
  /-X PUT \S+\/v1\/services\/\S+\/instances\//,
  /-X POST \S+\/v1\/locks\/\w+\/claims [^\n]*\n(.*\n)*.*-H "Fence: \$fence"/,
  /\/v1\/watch\?path=/,
  /-X PUT "\S+\/v1\/sessions\/\$id"[^\n]*\n.*-X DELETE "\S+\/v1\/sessions\/\$id"/,
];

test("the service serves llms.txt as it is, as plain text that is in no document", async ({ start }) => {
  const http = new Http((await start()).url);
  const answer = await http.get("/llms.txt");
  const text = readDocument("llms.txt");
  expect([answer.status, answer.header("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
  expect(answer.text).toBe(text);
  const head = await http.request("HEAD", "/llms.txt");
  expect([head.status, head.header("content-length")]).toEqual([200, String(Buffer.byteLength(text))]);
  expect((await http.post("/llms.txt")).code).toBe("method_not_allowed");
  expect((await http.get("/openapi.json")).text).not.toContain("llms");
  const links = Array.from(text.matchAll(/\]\(http:\/\/127\.0\.0\.1:2281(\/[^)]*)\)/g), ([, link]) =>
    String(link),
  );
  expect(links.length).toBeGreaterThan(2);
  for (const link of links) expect([link, (await http.get(link)).status]).toEqual([link, 200]);
});

test("llms.txt begins as such files do: a name, then a summary, then lists of links under headings", () => {
  expect(readDocument("llms.txt")).toMatch(/^# treekeeper\n\n> \S.*\n\n(- .*\n)+\n## /);
});

test("llms.txt and the skill teach the five calls, and what to do when they are refused", () => {
  for (const name of ["llms.txt", skillFile]) {
    const document = readDocument(name);
    const commands = codeBlocksOf(document)
      .filter(({ language }) => language === "sh")
      .map(({ code }) => code)
      .join("\n");
    for (const call of fiveCalls) expect(commands, name).toMatch(call);
    for (const code of ["session_expired", "fence_stale", "bad_version", "lock_held", "Idempotency-Key"]) {
      expect(document, name).toContain(code);
    }
  }
});

test("the skill has the head that tools read: the folder's name, and when to use it", () => {
  const [, head = ""] = /^---\n((?:\w+: .*\n)+)---\n/.exec(readDocument(skillFile)) ?? [];
  const members = Object.fromEntries(Array.from(head.matchAll(/^(\w+): (.*)$/gm), ([, ...pair]) => pair));
  expect(Object.keys(members)).toEqual(["name", "description"]);
  expect(members.name).toBe(skillFile.split("/").at(-2));
  expect(members.description).toMatch(/ Use when /);
  expect(members.description.length).toBeLessThanOrEqual(1024);
  // A colon and a space in a plain value would make it something else.
  expect(members.description).not.toMatch(/: | #|^["'[{&*!|>%@`]/);
});
