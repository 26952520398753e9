// How far long work is, in one line of the terminal that is written over. Where stderr is no terminal it says nothing,
// nor where results come on the same terminal meanwhile.

import type { Output } from "./output.ts";

const redrawMsMin = 100;
const barWidth = 24;

export class Progress {
  readonly #label: string;
  readonly #isShown: boolean;
  #drawnAtMs = 0;

  /** @param isBetweenResults whether they go to stdout while it is drawn */
  constructor(label: string, { isQuiet }: Pick<Output, "isQuiet">, isBetweenResults = false) {
    this.#label = label;
    this.#isShown = process.stderr.isTTY && !isQuiet && !(isBetweenResults && process.stdout.isTTY);
  }

  /** @param share of the whole, where that is known */
  show(count: number, unit: string, share?: number): void {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#drawnAtMs < redrawMsMin) return;
    this.#drawnAtMs = nowMs;
    const bar = share === undefined ? "" : ` ${barOf(share)} ${Math.floor(share * 100)} %`;
    process.stderr.write(`\r\x1b[K${this.#label}${bar} ${count} ${unit}`);
  }

  /** Leaves an empty line behind. */
  end(): void {
    if (this.#isShown && this.#drawnAtMs > 0) process.stderr.write("\r\x1b[K");
  }
}

function barOf(share: number): string {
  const filled = Math.round(Math.min(1, share) * barWidth);
  return `[${"=".repeat(filled)}${" ".repeat(barWidth - filled)}]`;
}
