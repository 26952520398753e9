// The command line as process 1 of a container, where a signal that nobody listens for is lost.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import { container, hasContainers, processInside } from "../support/container.ts";
import { projectFolder } from "../support/markdown.ts";
import { CliProcess, test } from "./fixture.ts";

test.skipIf(!hasContainers)(
  "as process 1 of a container it ends with 128 and the number of its signal",
  async ({ server }) => {
    const watch = new CliProcess(["watch", "/", "--initial"], { endpoint: server.url, within: container });
    await watch.line();
    process.kill(processInside(watch), "SIGTERM");
    expect(await watch.ended).toMatchObject({ code: 143, stderr: "" });
  },
);

/** With a /proc of its own. */
const ownProc = [...container, "--mount-proc"];
const hasOwnProc = spawnSync(ownProc[0] as string, [...ownProc.slice(1), "true"]).status === 0;

test.skipIf(!hasOwnProc)(
  "as process 1 of a container it is not left with processes that have ended, and passes signals on",
  async ({ server, unique }) => {
    const left = "(sleep 0 &); while grep -qs 'State:.*Z' /proc/[0-9]*/status; do sleep 0.05; done";
    const script = `trap "echo heard; exit 9" USR1; ${left}; cat; echo none left; sleep 60 & wait`;
    const held = new CliProcess(["lock", unique, "--", "sh", "-c", script], {
      endpoint: server.url,
      within: ownProc,
      input: "its input\n",
      program: [join(projectFolder, "bin/treekeeper")],
    });
    expect([await held.line(), await held.line()]).toEqual(["its input", "none left"]);
    process.kill(processInside(held), "SIGUSR1");
    expect(await held.ended).toMatchObject({ code: 9, stdout: "its input\nnone left\nheard\n", stderr: "" });
  },
);
