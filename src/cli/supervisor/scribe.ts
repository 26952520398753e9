// The supervisor's side of the scribe: starts it, and has it write where writing may take for ever. Neither a thread nor
// a flag of the descriptor would do: a thread that waits holds up the end of its process, and the flag is shared with
// whoever else has that socket, such as the command.

import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { fileURLToPath } from "node:url";
import type { ScribeAnswer } from "./scribe-process.ts";
import type { Sink, Written } from "./sink.ts";

const scribeFile = fileURLToPath(new URL("./scribe-process.ts", import.meta.url));
/** The scribe is gone, or never came. */
const unwritten: Written = { bytes: 0, code: "ESRCH" };

export class Scribe implements Sink {
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  #isGone = false;
  #answer: (written: Written) => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("error", () => this.#end());
    child.once("exit", () => this.#end());
    child.on("message", (answer: ScribeAnswer) => {
      if (answer === "ready") this.#ready.resolve();
      else this.#answer(answer);
    });
  }

  static start(descriptor: number): Scribe {
    // In a session of its own, as the watchdog is. Beyond the first three, a descriptor is handed on as it is.
    const child = fork(scribeFile, [], {
      detached: true,
      execArgv: [],
      stdio: ["ignore", "ignore", "ignore", "ipc", descriptor],
      env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
    });
    return new Scribe(child);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  async write(bytes: Buffer): Promise<Written> {
    if (this.#isGone || !this.#child.connected) return unwritten;
    const { promise, resolve } = Promise.withResolvers<Written>();
    this.#answer = resolve;
    this.#child.send(bytes.toString("utf8"), (error) => {
      if (error !== null) resolve(unwritten);
    });
    return await promise;
  }

  /** What it was told is written by now, or is waiting for a reader for whom nobody waits any longer. */
  close(): void {
    this.#child.kill("SIGKILL");
  }

  #end(): void {
    this.#isGone = true;
    this.#ready.resolve();
    this.#answer(unwritten);
  }
}
