// The processes in which contenders live, as a trial sees them: it may stop one, let it go on, or kill it, and another
// takes its place. What they said is read from their files, whatever became of them.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Evidence, readEvidence } from "./evidence.ts";
import type { HostNews, HostOrder } from "./host.ts";

const hostFile = fileURLToPath(new URL("./host.ts", import.meta.url));

export class Host {
  readonly name: string;
  readonly #file: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #listeners = new Set<(news: HostNews) => void>();
  #isKilled = false;

  constructor(name: string, folder: string) {
    this.name = name;
    this.#file = join(folder, `${name}.ndjson`);
    this.#child = fork(hostFile, [this.#file], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#exit = once(this.#child, "exit");
    this.#child.on("message", (news: HostNews) => {
      for (const listener of this.#listeners) listener(news);
    });
  }

  /** A host that ends by itself has a fault. */
  get hasFailed(): boolean {
    return !this.#isKilled && this.#child.exitCode !== null;
  }

  order(order: HostOrder): void {
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  /** Returns what ends it. */
  onNews(listener: (news: HostNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every process of a machine may be stopped at any instruction. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.#exit;
  }

  evidence(): Evidence[] {
    return readEvidence(this.#file);
  }
}
