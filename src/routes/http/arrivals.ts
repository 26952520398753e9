// Whether connections are coming in. The system gives us one in each turn of the event loop, in its order: whoever connects
// waits for as many turns as there are connections in front, and for all that is done in them. So what can wait does.
// There is one event loop for all of a process.

/** In a row: they who connect without end hold up nobody for ever. */
const turnsGivenUpMax = 8;

let isArriving = false;
let count = 0;

/** Call for each new connection. */
export function noteArrival(): void {
  count += 1;
  isArriving = true;
  const noted = count;
  const end = () => {
    if (count === noted) isArriving = false;
  };
  // Until the end of the next turn: in it another may come.
  setImmediate(() => setImmediate(end));
}

/** Turns that one piece of work after the other gives up to those who connect. */
export class GivenUpTurns {
  #inARow = 0;

  /** Ask once in a turn of the event loop, before work that can wait. */
  get mustWait(): boolean {
    this.#inARow = isArriving && this.#inARow < turnsGivenUpMax ? this.#inARow + 1 : 0;
    return this.#inARow > 0;
  }
}
