// The browser of these tests: a Chromium that is installed already, driven through its debugging pipe. Where there is
// none the tests are skipped and say so; with TREEKEEPER_BROWSER=required they fail instead. Nothing is downloaded.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const isRequired = process.env.TREEKEEPER_BROWSER === "required";

const chromiumFile = findChromium();

/** Why the tests do not run; null when they do. */
export const skipReason =
  chromiumFile !== null || isRequired
    ? null
    : "no chromium on the PATH; install it or name one in TREEKEEPER_CHROMIUM";

/** @param homeDir where it may leave what it writes besides its profile, such as crash reports */
export async function launchChromium(homeDir: string): Promise<Browser> {
  if (chromiumFile === null) {
    throw new Error(
      "TREEKEEPER_BROWSER=required, but there is no chromium on the PATH or in TREEKEEPER_CHROMIUM",
    );
  }
  return await chromium.launch({
    executablePath: chromiumFile,
    // Without a sandbox it starts in a container and as root; it opens nothing but our own pages.
    args: ["--headless", "--no-sandbox", "--disable-background-networking"],
    env: { ...process.env, HOME: homeDir },
  });
}

function findChromium(): string | null {
  const named = process.env.TREEKEEPER_CHROMIUM;
  if (named !== undefined && named !== "") return isExecutable(named) ? named : null;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, "chromium")).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
