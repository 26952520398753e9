// A process of its own that does what the driver of a benchmark asks, one thing at a time: a call is a message there and a
// message back. It ends with its driver.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const answerWithinMs = 120_000;

/** What a process can be asked for, each with one argument at most. */
// biome-ignore lint/suspicious/noExplicitAny: what each takes and gives is known where it is asked.
export type Commands = Readonly<Record<string, (argument: any) => Promise<unknown>>>;

/** What the driver sends; it is answered with `{result}` or `{error}`. */
interface Call {
  readonly command: string;
  readonly argument: unknown;
}

/** The driver's side. */
export class CommandProcess<Offered extends Commands> {
  readonly #process: ChildProcess;

  /** @param file where `answerCalls` is called */
  constructor(file: URL) {
    this.#process = fork(fileURLToPath(file));
  }

  /** One call at a time. */
  async call<Name extends keyof Offered & string>(
    command: Name,
    ...[argument]: Parameters<Offered[Name]>
  ): Promise<Awaited<ReturnType<Offered[Name]>>> {
    this.#process.send({ command, argument });
    const gone = new AbortController();
    const onExit = () => gone.abort(new Error(`A process ended by itself before ${command} was done.`));
    const onTime = () => gone.abort(new Error(`${command} was not done in ${answerWithinMs} ms.`));
    this.#process.once("exit", onExit);
    const timer = setTimeout(onTime, answerWithinMs);
    try {
      const [answer] = await once(this.#process, "message", { signal: gone.signal });
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.result;
    } catch (error) {
      throw gone.signal.aborted ? gone.signal.reason : error;
    } finally {
      clearTimeout(timer);
      this.#process.off("exit", onExit);
    }
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.disconnect();
    await exit;
  }
}

/** The side of the process itself. */
export function answerCalls(commands: Commands): void {
  process.on("message", ({ command, argument }: Call) => {
    commands[command]?.(argument).then(
      (result) => process.send?.({ result }),
      (error: Error) => process.send?.({ error: error.message }),
    );
  });
  process.on("disconnect", () => process.exit());
}
