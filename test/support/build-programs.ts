// The server and the command line as tests start them, hundreds of times: the same modules in a few files, made anew for
// every run. A start from the sources reads five hundred files, which takes longer than what most tests do then.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type OutputAsset, type OutputChunk, type Plugin, rolldown } from "rolldown";

const sourceFolder = fileURLToPath(new URL("../../src", import.meta.url));
export const builtFolder = fileURLToPath(
  new URL("../../node_modules/.cache/treekeeper/built", import.meta.url),
);

/** What is started by its address: processes and threads. */
const scripts = [
  "main",
  "healthcheck",
  "cli/main",
  "cli/supervisor/watchdog-process",
  "cli/supervisor/scribe-process",
  "store/sqlite/worker",
  "store/sqlite/checkpointer",
  "store/sqlite/backup-thread",
  "offline/verify-backup",
];

function builtOf(script: string): string {
  return join(builtFolder, `${script}.mjs`);
}

/** Before the first test of a run. @throws Error when the sources cannot be built: no test is run then */
export async function setup(): Promise<void> {
  const bundle = await rolldown({
    input: Object.fromEntries(scripts.map((name) => [name, join(sourceFolder, `${name}.ts`)])),
    platform: "node",
    // It finds its library beside its own files.
    external: ["better-sqlite3"],
    plugins: [ownAddresses, ownFolders],
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message);
    },
  });
  const { output } = await bundle.generate({
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name].mjs",
  });
  await bundle.close();
  for (const file of output) write(file);
  // What cannot even start is not for each test to find out.
  for (const program of ["main", "cli/main"]) execFileSync(process.execPath, [builtOf(program), "--version"]);
}

/** Another run may start what is there meanwhile: each file is whole at any time. */
function write(file: OutputChunk | OutputAsset): void {
  const path = join(builtFolder, file.fileName);
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, file.type === "chunk" ? file.code : file.source);
  renameSync(partial, path);
}

/** A module asks for what is beside its source; a script it starts is the built one. */
const ownAddresses: Plugin = {
  name: "own addresses",
  transform: {
    filter: { id: /\/src\/.*\.ts$/, code: "import.meta.url" },
    handler(code, id) {
      return code
        .replaceAll(/new URL\("([^"]*\.ts)", import\.meta\.url\)/g, (_, address: string) => {
          const name = relative(sourceFolder, join(dirname(id), address)).replace(/\.ts$/, "");
          if (!scripts.includes(name)) throw new Error(`${id} starts ${name}, which is not built`);
          return `new URL("${pathToFileURL(builtOf(name))}")`;
        })
        .replaceAll("import.meta.url", `"${pathToFileURL(id)}"`);
    },
  },
};

/** A package whose files are read at run time has them where it is installed. */
const ownFolders: Plugin = {
  name: "own folders",
  transform: {
    filter: { id: /\/@fastify\/swagger/, code: "__dirname" },
    handler: (code, id) => code.replaceAll("__dirname", JSON.stringify(dirname(id))),
  },
};
