#!/usr/bin/env node
// The command line's process: it begins here and ends here. Everything is loaded only once the version of Node is known
// to do.

const [nodeMajor = 0] = process.versions.node.split(".").map(Number);
if (nodeMajor < 24) {
  process.stderr.write(`treekeeper needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

/** Whoever read the output has gone, as `head` does: there is nobody left to tell. */
const exitCodeBrokenPipe = 141;
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  process.exit(code === "EPIPE" ? exitCodeBrokenPipe : 1);
});

const { run } = await import("./program.ts");
const { default: manifest } = await import("../../package.json", { with: { type: "json" } });

process.exit(await run(process.argv, manifest.version));

export {};
