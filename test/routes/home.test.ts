// GET /: a page for people, JSON for programs, and a way to the documents from wherever there is nothing.

import { createHash } from "node:crypto";
import { expect } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { Http } from "../support/http.ts";
import { test } from "../support/process.ts";

/** What browsers send. */
const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

test("a browser gets a page that leads on, without a script, and a program gets JSON", async ({ start }) => {
  const http = new Http((await start()).url);
  // Of several servers, somebody keeps house a moment after the start.
  await expect.poll(async () => (await http.get("/readyz")).status, { timeout: 20_000 }).toBe(200);
  const page = await http.get("/", { headers: { accept: browser } });
  expect([page.status, page.header("content-type"), page.header("vary")]).toEqual([
    200,
    "text/html; charset=utf-8",
    "Accept",
  ]);
  expect(page.text).toContain(`treekeeper ${manifest.version}`);
  expect(page.text).toContain("<strong>It is ready</strong>");
  expect(page.text).not.toMatch(/<script|\son\w+=|https?:/);
  const [, style = ""] = /<style>([^<]*)<\/style>/.exec(page.text) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  expect(page.header("content-security-policy")?.split(";")).toContain(`style-src 'sha256-${hash}'`);
  const links = Array.from(page.text.matchAll(/<a href="([^"]+)"/g), ([, link]) => link as string);
  expect(links).toContain("docs");

  for (const accept of ["*/*", "application/json", "application/json, text/html;q=0.5"]) {
    const answer = await http.get("/", { headers: { accept } });
    expect([answer.header("content-type"), answer.header("vary")]).toEqual([
      "application/json; charset=utf-8",
      "Accept",
    ]);
    expect(answer.json()).toMatchObject({ name: "treekeeper", version: manifest.version });
    expect(Object.values(answer.json().links as object)).toEqual(links.map((link) => `/${link}`));
  }
  const led = await Promise.all(links.map((link) => fetch(`${http.url}/${link}`)));
  expect(led.map(({ status }) => status)).toEqual(links.map(() => 200));

  const nowhere = await http.get("/nowhere", { headers: { accept: browser } });
  expect([nowhere.status, nowhere.json().detail]).toEqual([404, expect.stringContaining("/docs")]);
  expect((await http.request("HEAD", "/", { headers: { accept: browser } })).status).toBe(200);
  expect((await http.post("/")).json().code).toBe("method_not_allowed");
});
