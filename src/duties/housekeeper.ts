// Who does what is due by itself. Where one server is alone with its log, it has every duty for as long as it runs.

import type { Duty } from "./duty.ts";

export class Housekeeper {
  readonly #duties: readonly Duty[];
  #isOnDuty = false;

  constructor(duties: readonly Duty[]) {
    this.#duties = duties;
  }

  start(): void {
    this.#takeUp();
  }

  stop(): void {
    this.#layDown();
  }

  #takeUp(): void {
    if (this.#isOnDuty) return;
    this.#isOnDuty = true;
    for (const duty of this.#duties) duty.start();
  }

  #layDown(): void {
    if (!this.#isOnDuty) return;
    this.#isOnDuty = false;
    for (const duty of this.#duties) duty.stop();
  }
}
