// Settings in the environment: how they are named there, and what has such a name and is none.

import { settings } from "./settings.ts";

/** `--data-dir` is `TREEKEEPER_DATA_DIR` in the environment. */
export function environmentName(flag: string): string {
  return `TREEKEEPER_${flag.toUpperCase().replaceAll("-", "_")}`;
}

export const settingVariables = Object.values(settings).map(({ flag }) => environmentName(flag));

/**
 * Takes out of the environment what has a setting's name and is none: a variable that is empty, as tools leave one
 * out, and a foreign one. @returns the names of the foreign ones, for a line in the log
 */
export function dropForeignVariables(env: NodeJS.ProcessEnv): string[] {
  const foreign = settingVariables.filter((name) => serviceLink.test(env[name] ?? ""));
  for (const name of settingVariables) if (env[name] === "" || foreign.includes(name)) delete env[name];
  return foreign;
}

/**
 * What Kubernetes, for a Service of this name, and Docker's links put into the environment:
 * `TREEKEEPER_PORT=tcp://10.96.0.5:2281`. No setting has such a value.
 */
const serviceLink = /^(?:tcp|udp|sctp):\/\//;
