// How far long work is, in one line of the terminal that is written over. Where stderr is no terminal it says nothing.

const redrawMsMin = 100;
const barWidth = 24;

export class Progress {
  readonly #label: string;
  readonly #isShown = process.stderr.isTTY;
  #drawnAtMs = 0;

  constructor(label: string) {
    this.#label = label;
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
