// Runs a client's scenario against a real server, which is killed and started again when the scenario asks for that.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ServerProcess } from "../support/process.ts";

/** A scenario takes seconds. */
const scenarioWithinMs = 120_000;

export interface Outcome {
  readonly code: number | null;
  /** What it printed, without its conversation about the server. */
  readonly lines: readonly string[];
  readonly stderr: string;
}

interface Scenario {
  readonly folder: string;
  readonly start: (...args: string[]) => Promise<ServerProcess>;
}

export async function runScenario({ folder, start }: Scenario): Promise<Outcome> {
  let server = await start();
  const { port, origin } = new URL(server.url);
  const child = spawn("./scenario", {
    cwd: folder,
    env: { ...process.env, TREEKEEPER_ENDPOINT: origin },
    timeout: scenarioWithinMs,
    killSignal: "SIGKILL",
  });
  const ended = once(child, "close");
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  // It may end without having read what it is told.
  child.stdin.on("error", () => {});

  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== "kill me") lines.push(line);
      else {
        await server.kill();
        server = await start("--port", port);
        child.stdin.write("killed and back\n");
      }
    }
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const [code] = await ended;
  return { code, lines, stderr };
}
