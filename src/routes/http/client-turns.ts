// How long one client's requests keep everybody else waiting. What a client may do in one turn of the event loop is a time, on
// all its connections together, however many requests it sends ahead and whatever they cost. When it is over, its other
// requests wait while everybody else has some turns; where there is nobody else, those are over at once.

import { GivenUpTurns } from "./arrivals.ts";

/** Of its work in one turn of the loop; the last piece may take longer. */
const turnMsMax = 1;
/**
 * The same while others ask, too. Whoever connects, asks and is answered waits for several turns, and a turn of the loop
 * costs too much for this where nobody waits.
 */
const turnAmongOthersMsMax = 0.3;
/** Turns of the loop, of those in which anybody asks, that others are thought of after they asked. */
const othersThoughtOfMax = 200;
/** What a request takes beyond the piece that is measured: to be read, and to go on after a promise. */
const unmeasuredMs = 0.02;
/**
 * Turns of the loop that others have at least, and for each millisecond. In one of them the system gives us one new connection,
 * in its order: those who connect would wait behind all that this client opens, for one of its costly requests each.
 */
const turnsOfOthersMin = 2;
const turnsOfOthersPerMs = 2;
/** However long it was: a pause of the whole process falls into somebody's work, and is not his. */
const turnsOfOthersMax = 20;

/** When work may begin, and what counts it. */
export interface Turn {
  readonly isOver: boolean;
  /** @param beforeMs what was done for it before, such as to read it */
  spend(work: () => void, beforeMs?: number): void;
  /** Harmless when repeated. */
  waitForNext(goOn: () => void): void;
}

/** The turns of all clients that have connections. */
export class ClientTurns {
  readonly #loop = new LoopTurns();
  readonly #clients = new Map<string, Client>();

  /** For one more connection of the client; call `giveBack` once, at its end. */
  enter(client: string): { readonly turn: Turn; giveBack(): void } {
    const known = this.#clients.get(client) ?? this.#added(client);
    known.connections += 1;
    const giveBack = () => {
      known.connections -= 1;
      known.forget();
    };
    return { turn: known.turn, giveBack };
  }

  /** Its time is not given anew to whoever comes again on another connection, and there is one turn for all there are. */
  #added(client: string): Client {
    const turn = new ClientTurn(this.#loop);
    const forget = () => {
      if (added.connections > 0) return;
      if (turn.isBusy) turn.waitForNext(forget);
      else this.#clients.delete(client);
    };
    const added: Client = { turn, connections: 0, forget };
    this.#clients.set(client, added);
    return added;
  }
}

interface Client {
  readonly turn: ClientTurn;
  connections: number;
  /** When nothing of it is there any more. */
  readonly forget: () => void;
}

/** Numbers the turns of the event loop in which somebody asks. */
class LoopTurns {
  #number = 0;
  #isUnderWay = false;
  /** Who asked last, and when that was last somebody else than before. */
  #asker: ClientTurn | null = null;
  #changedIn = Number.NEGATIVE_INFINITY;

  get number(): number {
    if (!this.#isUnderWay) {
      this.#isUnderWay = true;
      setImmediate(this.#end);
    }
    return this.#number;
  }

  /** @returns whether others asked lately as well */
  heardOf(client: ClientTurn): boolean {
    if (client !== this.#asker) {
      if (this.#asker !== null) this.#changedIn = this.number;
      this.#asker = client;
    }
    return this.number - this.#changedIn < othersThoughtOfMax;
  }

  readonly #end = () => {
    this.#number += 1;
    this.#isUnderWay = false;
  };
}

class ClientTurn implements Turn {
  readonly #loop: LoopTurns;
  /** In the turn of the loop that has the number. */
  #spentMs = 0;
  #spentIn = -1;
  #isOver = false;
  #turnsLeft = 0;
  readonly #givenUp = new GivenUpTurns();
  /** What goes on with each of its connections, in the order in which they began to wait. */
  readonly #waiting = new Set<() => void>();

  constructor(loop: LoopTurns) {
    this.#loop = loop;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isBusy(): boolean {
    return this.#isOver || this.#waiting.size > 0;
  }

  spend(work: () => void, beforeMs = 0): void {
    const { number } = this.#loop;
    if (number !== this.#spentIn) {
      this.#spentIn = number;
      this.#spentMs = 0;
    }
    const beganMs = performance.now();
    work();
    this.#spentMs += performance.now() - beganMs + unmeasuredMs + beforeMs;
    const msMax = this.#loop.heardOf(this) ? turnAmongOthersMsMax : turnMsMax;
    if (this.#isOver || this.#spentMs < msMax) return;
    this.#isOver = true;
    const turns = Math.round(this.#spentMs * turnsOfOthersPerMs);
    this.#turnsLeft = Math.min(turnsOfOthersMax, Math.max(turnsOfOthersMin, turns));
    setImmediate(this.#next);
  }

  waitForNext(goOn: () => void): void {
    this.#waiting.add(goOn);
  }

  /** One that has more to do than there is time for waits behind the others. */
  readonly #next = () => {
    this.#turnsLeft -= 1;
    if (this.#turnsLeft > 0 || this.#givenUp.mustWait) {
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
