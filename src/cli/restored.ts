// What bin/treekeeper, a shell, was started with and could not hand on by itself. It says it in variables of its own.

const ignoredVariable = "TREEKEEPER_IGNORED";
const environmentVariable = "TREEKEEPER_ENVIRONMENT";

let ignoredSignals: bigint | null = null;

/** The environment as the shell found it: it drops some variables, and uses others for itself. */
export function restoreEnvironment(): void {
  const { [ignoredVariable]: ignored, [environmentVariable]: environment } = process.env;
  delete process.env[ignoredVariable];
  delete process.env[environmentVariable];
  if (ignored !== undefined && /^[\da-f]+$/.test(ignored)) ignoredSignals = BigInt(`0x${ignored}`);
  if (environment === undefined || environment === "") return;
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const variable of Buffer.from(environment, "hex").toString("utf8").split("\0")) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(variable) ?? [];
    if (name !== undefined) process.env[name] = value;
  }
}

/** Whether a signal was ignored when the shell began; null when there was no shell. */
export function wasIgnored(signal: number): boolean | null {
  return ignoredSignals === null ? null : ((ignoredSignals >> BigInt(signal - 1)) & 1n) === 1n;
}
