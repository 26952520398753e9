// The command line as process 1 of a container, where a signal that nobody listens for is lost.

import { expect } from "vitest";
import { container, hasContainers, processInside } from "../support/container.ts";
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
