// What clients show of pasts that this store never had: ids of events, tags and fences of what happened after the copy
// that was put back, or in another store. Each is refused where it is shown; here it is counted, and the first is told.

export class UnknownPasts {
  /** How often one was shown since the start. */
  count = 0;
  #onFirst: (shown: string) => void = () => {};

  /** @param shown the id or tag, or the sentence that refuses it */
  note(shown: string): void {
    this.count += 1;
    if (this.count === 1) this.#onFirst(shown);
  }

  onFirst(listener: (shown: string) => void): void {
    this.#onFirst = listener;
  }
}
