// The operator's own command, run with each backup: to bring it elsewhere. It is started without a shell, has a bounded
// time, and sees nothing of the service's environment in which a secret could stand.

import { spawn } from "node:child_process";

const stderrCharactersMax = 500;
/** Of the service's environment. Whatever else the command needs it reads from a file of its own. */
const passedVariables = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

interface CommandOptions {
  readonly msMax: number;
  readonly signal: AbortSignal;
}

/** Words with spaces between them; the file's path comes behind the last. */
export function wordsOf(command: string): readonly string[] {
  return command.split(/\s+/).filter((word) => word !== "");
}

/** @throws Error unless it ended with 0 in time */
export async function runBackupCommand(
  words: readonly string[],
  file: string,
  { msMax, signal }: CommandOptions,
): Promise<void> {
  const [program = "", ...rest] = words;
  signal.throwIfAborted();
  const child = spawn(program, [...rest, file], {
    env: environment(),
    stdio: ["ignore", "ignore", "pipe"],
    // A group of its own, so that what it has started ends with it.
    detached: true,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-stderrCharactersMax);
  });
  const end = Promise.withResolvers<string | null>();
  child.once("error", (error) => end.resolve(error.message));
  child.once("exit", (code, name) => end.resolve(code === 0 ? null : `it ended with ${code ?? name}`));
  const endGroup = (reason: string) => {
    if (child.pid !== undefined) killGroup(child.pid);
    end.resolve(reason);
  };
  const timer = setTimeout(() => endGroup(`it took longer than ${msMax} ms`), msMax);
  const onAbort = () => endGroup("the service ends");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const fault = await end.promise;
    if (fault !== null) throw new Error(`${fault}${stderr.trim() && `: ${stderr.trim()}`}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    // Whoever was started by it may hold this end open.
    child.stderr.destroy();
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function environment(): NodeJS.ProcessEnv {
  const passed = passedVariables.filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(passed.map((name) => [name, process.env[name]]));
}
