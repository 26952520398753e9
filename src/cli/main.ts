// The command line's process: it begins here and ends here. Everything is loaded only once the version of Node is known
// to do.

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { endOnSignals, ignoreHangup } from "../early-signals.ts";
import { nodeComplaint } from "../node-version.ts";
// Before anything below.
import "./early-descriptors.ts";
import { restoreEnvironment, wasIgnored } from "./restored.ts";

const complaint = nodeComplaint();
if (complaint !== null) {
  process.stderr.write(`${complaint}\n`);
  process.exit(1);
}

// As process 1 of a container it has no default for signals; anywhere else the default is right.
if (process.pid === 1) endOnSignals((name) => 128 + constants.signals[name]);

/** Whoever read the output has gone, as `head` does: there is nobody left to tell. */
const exitCodeBrokenPipe = 141;
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  process.exit(code === "EPIPE" ? exitCodeBrokenPipe : 1);
});
// What is said on stderr is only said: whoever leads or holds something does not stop since nobody listens.
process.stderr.on("error", () => {});

restoreEnvironment();
const { keepCompiled } = await import("./compile-cache.ts");
keepCompiled(process.env);
if (wasIgnored(constants.signals.SIGHUP) === true) ignoreHangup();

const { run } = await import("./program.ts");
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

process.exit(await run(process.argv, version));
