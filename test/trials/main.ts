// `npm run trials -- --seed 7 --count 2000`: any number of trials, from any seed. `--servers` is how many of
// them there are to be on three servers, `--supervised` how many of the supervisors.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    count: { type: "string", default: "500" },
    servers: { type: "string", default: "100" },
    supervised: { type: "string", default: "40" },
  },
});
const environment = {
  TRIALS_SEED: values.seed,
  TRIALS: values.count,
  SERVERS_TRIALS: values.servers,
  SUPERVISED_TRIALS: values.supervised,
};
process.stdout.write(`seed ${values.seed}\n`);
const kinds = [
  ...(values.count === "0" ? [] : ["lock"]),
  ...(values.servers === "0" ? [] : ["servers"]),
  ...(values.supervised === "0" ? [] : ["supervised"]),
];
const files = kinds.map((kind) => `test/trials/${kind}.trials.ts`);
const runner = spawn("vitest", ["run", "--config", "test/trials/vitest.config.ts", ...files], {
  cwd: fileURLToPath(new URL("../..", import.meta.url)),
  stdio: "inherit",
  env: { ...process.env, ...environment },
});
const [code] = (await once(runner, "exit")) as [number | null];
process.exitCode = code ?? 1;
