// The client in a real browser, from a page of another origin: with fetch, timers and clocks as a browser has them.

import { describe, expect } from "vitest";
import { skipReason } from "./chromium.ts";
import { ClientSite } from "./client-site.ts";
import { test } from "./fixture.ts";

describe.skipIf(skipReason !== null)("the client in Chromium", () => {
  test("keeps a session alive, reads, writes, watches, and is refused what comes too late [N14]", async ({
    start,
    browser,
  }) => {
    const site = await ClientSite.start();
    try {
      const server = await start("--cors-origin", site.origin);
      const page = await browser.newPage();
      await page.goto(site.origin);
      const use = `import("/test/browser/client-page.ts").then(({ useClient }) => useClient("${server.url}"))`;
      expect(await page.evaluate(use)).toEqual([
        ...[true, "ä", true, false, "/other"],
        ...[
          ["/", 0],
          ["/other", 1],
          ["/page", 2],
        ],
        ...["snapshot", "synced", "fence_stale", "closed"],
      ]);
      await page.close();
    } finally {
      await site.stop();
    }
  });
});
