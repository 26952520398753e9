// The service's own pages in a real browser, under the policy they are sent with: they do all they are for, nothing they do
// is against it, and no other page can show them or load what the service answers with.

import type { Browser, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { Http } from "../support/http.ts";
import { skipReason } from "./chromium.ts";
import { test } from "./fixture.ts";

/** A page that says what of it was against a policy. */
async function openPage(browser: Browser): Promise<{ page: Page; violations: () => Promise<unknown> }> {
  const page = await browser.newPage();
  await page.addInitScript(`
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) =>
      violations.push(event.violatedDirective + " " + event.blockedURI));
  `);
  return { page, violations: () => page.evaluate("violations") };
}

describe.skipIf(skipReason !== null)("the pages of the service in Chromium", () => {
  test("the page to try requests on works whole under its policy", async ({ start, browser }) => {
    const server = await start();
    const { page, violations } = await openPage(browser);
    await page.goto(`${server.url}/docs`);
    await page.locator("#operations-znodes-createZnode .opblock-summary-control").click();
    const operation = page.locator("#operations-operations-checkLiveness");
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator("button.execute").click();
    const status = operation.locator(".live-responses-table .response-col_status").last();
    await status.filter({ hasText: "200" }).waitFor();
    // The logo is a picture that stands in a script.
    expect(await page.evaluate("document.querySelector('.topbar img').naturalWidth")).toBeGreaterThan(0);
    expect(await violations()).toEqual([]);
    await page.close();
  });

  test("the first page is drawn under its policy, which lets no script in", async ({ start, browser }) => {
    const server = await start();
    const { page, violations } = await openPage(browser);
    await page.goto(server.url);
    const width = "getComputedStyle(document.querySelector('dt')).width";
    expect(await page.evaluate(width)).toBe("160px");
    expect(await violations()).toEqual([]);
    await page.evaluate(`
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      document.body.append(script);
    `);
    expect([await page.evaluate("globalThis.ran"), await violations()]).toEqual([
      undefined,
      ["script-src-elem inline"],
    ]);
    await page.close();
  });

  test("a page of another origin can neither show them nor load data as its own", async ({
    start,
    site,
    browser,
  }) => {
    const server = await start("--cors-origin", "https://else.example");
    await new Http(server.url).post("/v1/znodes/script", { body: "globalThis.stolen = true" });
    const page = await browser.newPage();
    await page.goto(site.origin);
    for (const path of ["/", "/docs"]) {
      const refused = page.waitForEvent("console", (line) => line.text().includes("frame-ancestors 'none'"));
      await page.evaluate(`
        const frame = document.createElement("iframe");
        frame.src = ${JSON.stringify(server.url + path)};
        document.body.append(frame);
      `);
      await refused;
    }
    const load = (path: string) =>
      page.evaluate(`new Promise((resolve) => {
        const script = document.createElement("script");
        script.onload = () => resolve("loaded");
        script.onerror = () => resolve("refused");
        script.src = ${JSON.stringify(server.url)} + "${path}";
        document.head.append(script);
      })`);
    expect(await load("/v1/znodes/script?raw=true")).toBe("refused");
    expect(await load("/docs/static/swagger-initializer.js")).toBe("refused");
    expect(await page.evaluate("globalThis.stolen")).toBe(undefined);
    await page.close();
  });
});
