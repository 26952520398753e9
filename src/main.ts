// The process: read the settings, open the store, listen, and end in good order. Everything is loaded only once the
// version of Node is known to do: an older one would crash without a word.

const [nodeMajor = 0] = process.versions.node.split(".").map(Number);
if (nodeMajor < 24) {
  process.stderr.write(
    `treekeeper needs Node.js 24 or newer; this is ${process.version}. "npm start" brings its own.\n`,
  );
  process.exit(1);
}

const { readConfig } = await import("./config.ts");
const { serve } = await import("./serve.ts");
const { default: manifest } = await import("../package.json", { with: { type: "json" } });

await serve(readConfig(process.argv, manifest.version), manifest.version);

export {};
