// The client of the package as a bundler puts it into a page: nothing of Node.js in it, small, and at work in a browser.

import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished } from "vitest";
import { skipReason } from "../browser/chromium.ts";
import { test } from "../browser/fixture.ts";
import { install, makeFolder } from "./installed.ts";

/** Of the whole client with its one dependency, minified. */
const bundleBytesMax = 65_000;
const compressedBytesMax = 22_000;

const folder = makeFolder();

beforeAll(() => {
  install(folder, inject("packageFile"));
  writeFileSync(join(folder, "page.js"), 'export * from "treekeeper/client";\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const page = '<!doctype html><script type="module">window.client = await import("/client.js");</script>';

async function bundled() {
  const warnings: string[] = [];
  const bundle = await rolldown({
    cwd: folder,
    input: "page.js",
    platform: "browser",
    onLog: (_level, { message }) => warnings.push(message),
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  return { chunks: output, warnings };
}

test("a bundle of it is one file, imports nothing, and is small", async () => {
  const { chunks, warnings } = await bundled();
  expect(warnings).toEqual([]);
  expect(chunks).toHaveLength(1);
  const [{ imports, dynamicImports, code, moduleIds, exports }] = chunks;
  expect([...imports, ...dynamicImports]).toEqual([]);
  expect(moduleIds.filter((id) => id.includes("node:"))).toEqual([]);
  expect(exports).toContain("Client");
  expect(Buffer.byteLength(code)).toBeLessThan(bundleBytesMax);
  expect(gzipSync(code).length).toBeLessThan(compressedBytesMax);
});

describe.skipIf(skipReason !== null)("in Chromium", () => {
  test("a page with the bundle writes, and watches what it has written", async ({ start, browser }) => {
    const [{ code }] = (await bundled()).chunks;
    const site = createServer(({ url }, response) => {
      const isScript = url === "/client.js";
      response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? code : page);
    });
    onTestFinished(() => {
      site.close();
    });
    await once(site.listen(0, "127.0.0.1"), "listening");
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const { url } = await start("--cors-origin", origin);
    const visited = await browser.newPage();
    await visited.goto(origin);
    await visited.waitForFunction("window.client");
    expect(await visited.evaluate(pageProgram(url))).toEqual(["/colour", "blue", "bad_version"]);
    await visited.close();
  });
});

function pageProgram(url: string): string {
  return `(async () => {
    const { Client, RequestError } = window.client;
    const client = new Client({ endpoint: "${url}" });
    const { zxid } = await client.create("/colour", "blue");
    const refused = await client.set("/colour", "red", { ifMatch: '"7"' }).catch((error) => error);
    for await (const { type, events } of client.watch({ paths: ["/colour"], sinceZxid: zxid - 1 })) {
      if (type === "change") return [events[0].path, events[0].data.text(), refused.code];
    }
  })()`;
}
