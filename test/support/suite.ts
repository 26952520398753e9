// What the suites that are commands of their own have in common: each test file in a process, and for what is started
// again and again the programs that are built once.

import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { builtFolder } from "./build-programs.ts";

type TestOptions = NonNullable<ViteUserConfig["test"]>;

const projectFolder = fileURLToPath(new URL("../..", import.meta.url));

/** For tests that start the service or the command line. */
export const withPrograms = {
  // The servers and commands that tests start read the same sources hundreds of times.
  globalSetup: "test/support/build-programs.ts",
  env: {
    BUILT_PROGRAMS: builtFolder,
    NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/treekeeper", import.meta.url)),
  },
} satisfies TestOptions;

/** @param options time limits among them are for what hangs: how long a test takes on a busy machine decides nothing */
export function suite(options: TestOptions): ViteUserConfig {
  return defineConfig({ test: { root: projectFolder, pool: "forks", ...options } });
}
