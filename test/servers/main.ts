// `npm run test:servers -- --seed 7 --count 100`: any number of seeds, from any. What else is asked for goes to the test
// runner.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, tokens } = parseArgs({
  options: { seed: { type: "string", default: "1" }, count: { type: "string", default: "20" } },
  strict: false,
  tokens: true,
});
const others = tokens.flatMap((token) => {
  if (token.kind === "positional") return [token.value];
  if (token.kind !== "option" || token.name === "seed" || token.name === "count") return [];
  return [token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`];
});
const runner = spawn("vitest", ["run", "--config", "test/servers/vitest.config.ts", ...others], {
  cwd: fileURLToPath(new URL("../..", import.meta.url)),
  stdio: "inherit",
  env: { ...process.env, SERVERS_SEED: String(values.seed), SERVERS_COUNT: String(values.count) },
});
const [code] = (await once(runner, "exit")) as [number | null];
process.exitCode = code ?? 1;
