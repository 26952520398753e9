// The driver's side of a process that holds streams: a call is a message there and a message back.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Commands } from "./client.ts";

const answerWithinMs = 120_000;
const file = fileURLToPath(new URL("./client.ts", import.meta.url));

export class WatchClient {
  readonly #process: ChildProcess = fork(file);

  /** One call at a time. */
  async call<Name extends keyof Commands>(
    command: Name,
    ...[argument]: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    this.#process.send({ command, argument });
    const gone = new AbortController();
    const onExit = () => gone.abort(new Error("A process that holds streams ended by itself."));
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

/** Clients for the time of the work. */
export async function withClients<T>(
  count: number,
  work: (clients: readonly WatchClient[]) => Promise<T>,
): Promise<T> {
  const clients = Array.from({ length: count }, () => new WatchClient());
  try {
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
