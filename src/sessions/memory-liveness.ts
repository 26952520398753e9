// Liveness of a server that is alone: in memory only, it costs neither disk nor zxid, and counts at once.

import type { Alive, Liveness, Silence } from "./liveness.ts";

export class MemoryLiveness implements Liveness {
  readonly #restart: (alive: Alive) => void;

  /** @param restart begins the session's timeout again */
  constructor(restart: (alive: Alive) => void) {
    this.#restart = restart;
  }

  touch(alive: Alive): void {
    this.#restart(alive);
  }

  confirm(alive: Alive): null {
    this.#restart(alive);
    return null;
  }

  silenceOf(): Silence {
    return anySilence;
  }

  stop(): void {}
}

/** Nobody else could have heard of it. */
const anySilence: Silence = {};
