// What access control promises; and the suites that hold for whoever may do everything, with access control on
// (test/support/access-on.ts).

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { suite, withPrograms } from "../support/suite.ts";

const folders = ["routes", "watches", "coordination", "sessions", "client", "conformance", "cli"];

/** What goes by one of these has a server or a store; other tests read. */
const wayToServer = /\/(process|proxied|server-fixture|fixture|keeper)\.ts"/;
/** The fixture of the client is a server that follows a script. */
const wayOfClient = /\/(process|proxied)\.ts"/;

function filesIn(folder: string): string[] {
  const path = join(import.meta.dirname, "..", folder);
  const way = folder === "client" ? wayOfClient : wayToServer;
  return readdirSync(path)
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => way.test(readFileSync(join(path, file), "utf8")))
    .map((file) => `test/${folder}/${file}`);
}

/** Servers know it from the first, and programs that ask are given it as an operator gives it to them. */
const { SECRET_OF_ADMIN: secret = "tk_secret-of-suite" } = process.env;

export default defineConfig({
  test: {
    projects: [
      suite({
        ...{ ...withPrograms, name: "access", include: ["test/access/*.access.ts"], testTimeout: 600_000 },
        sequence: { groupOrder: 1 },
      }),
      suite({
        ...{ ...withPrograms, name: "with access control on", testTimeout: 120_000, hookTimeout: 120_000 },
        setupFiles: ["test/access/leave-out.ts", "test/support/ask-as-admin.ts"],
        env: { ...withPrograms.env, SECRET_OF_ADMIN: secret, TREEKEEPER_TOKEN: secret },
        include: ["test/access/*.suite.ts", ...folders.flatMap(filesIn)],
        expect: { poll: { timeout: 20_000 } },
        maxWorkers: 2,
        sequence: { groupOrder: 2 },
      }),
    ],
  },
});
