// How long one client's requests keep everybody else waiting. Those that cost next to nothing are counted by their number,
// for each connection; a few that take long, such as large answers, asked for on many connections at once, would be one
// long pause. So when those of a client have had their time, its others wait while everybody else has some turns.

/** Less is next to nothing, and is not counted. */
const costlyMsMin = 0.5;
/** Of what is counted, in one turn; the last of it may take longer. */
const turnMsMax = 5;
/**
 * Turns of the event loop that others have then. In one of them the system gives us one new connection, in its order: those
 * who connect would wait behind all that this client opens, for one of its costly requests each.
 */
const turnsOfOthers = 10;

/** When work may begin, and what counts it. */
export interface Turn {
  readonly isOver: boolean;
  spend(work: () => void): void;
  /** Harmless when repeated. */
  waitForNext(goOn: () => void): void;
}

/** The turns of all clients that have connections. */
export class ClientTurns {
  readonly #clients = new Map<string, { readonly turn: ClientTurn; connections: number }>();

  /** For one more connection of the client; call `giveBack` once, at its end. */
  enter(client: string): { readonly turn: Turn; giveBack(): void } {
    const known = this.#clients.get(client) ?? { turn: new ClientTurn(), connections: 0 };
    this.#clients.set(client, known);
    known.connections += 1;
    const giveBack = () => {
      known.connections -= 1;
      if (known.connections === 0) this.#clients.delete(client);
    };
    return { turn: known.turn, giveBack };
  }
}

class ClientTurn implements Turn {
  /** Since others last had a turn for certain. */
  #spentMs = 0;
  #isOver = false;
  #turnsLeft = 0;
  /** What goes on with each of its connections, in the order in which they began to wait. */
  readonly #waiting = new Set<() => void>();

  get isOver(): boolean {
    return this.#isOver;
  }

  spend(work: () => void): void {
    const beganMs = performance.now();
    work();
    const ms = performance.now() - beganMs;
    if (ms < costlyMsMin) return;
    this.#spentMs += ms;
    if (this.#isOver || this.#spentMs < turnMsMax) return;
    this.#isOver = true;
    this.#turnsLeft = turnsOfOthers;
    setImmediate(this.#next);
  }

  waitForNext(goOn: () => void): void {
    this.#waiting.add(goOn);
  }

  /** One that has more to do than there is time for waits behind the others. */
  readonly #next = () => {
    this.#turnsLeft -= 1;
    if (this.#turnsLeft > 0) {
      setImmediate(this.#next);
      return;
    }
    this.#spentMs = 0;
    this.#isOver = false;
    for (const goOn of this.#waiting) {
      if (this.#isOver) return;
      this.#waiting.delete(goOn);
      goOn();
    }
  };
}
