// Tests in a real browser: one browser for a file, a site and pages of its own for each test, and server processes.

import type { Browser } from "playwright-core";
import { makeDataDir, test as processTest, removeDataDir } from "../support/process.ts";
import { launchChromium } from "./chromium.ts";
import { Site } from "./site.ts";
import { Visit } from "./visit.ts";

interface BrowserFixture {
  browser: Browser;
  /** Where the pages come from. */
  site: Site;
  /** Another origin. */
  otherSite: Site;
  /** Opens a page of the site, or of another one. */
  visit: (other?: Site) => Promise<Visit>;
}

export const test = processTest.extend<BrowserFixture>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
    async ({}, use) => {
      const homeDir = makeDataDir();
      try {
        const browser = await launchChromium(homeDir);
        await use(browser);
        await browser.close();
      } finally {
        removeDataDir(homeDir);
      }
    },
    { scope: "file" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: as above
  site: async ({}, use) => {
    await withSite(use);
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  otherSite: async ({}, use) => {
    await withSite(use);
  },
  visit: async ({ browser, site }, use) => {
    const visits: Visit[] = [];
    await use(async (other = site) => {
      const visit = await Visit.open(browser, other);
      visits.push(visit);
      return visit;
    });
    for (const visit of visits) await visit.close();
  },
});

async function withSite(use: (site: Site) => Promise<void>): Promise<void> {
  const site = await Site.start();
  await use(site);
  await site.stop();
}
