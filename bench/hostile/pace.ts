// How fast one attacker may be: what is to be shown is the harm that one client does by what it asks, and not that of a
// second program on the same cores, or of a network that is full.

import { setTimeout as wait } from "node:timers/promises";

/** Of one core. */
const coreShareMax = 0.1;
/** 100 Mbit/s. */
const bytesPerSecondMax = 12_500_000;
const restMsMin = 5;

export class Pace {
  #beganMs = performance.now();
  #processor = process.cpuUsage();

  /** Call after each burst: resolves when there may be another. */
  async rest(bytes: number): Promise<void> {
    const { user, system } = process.cpuUsage(this.#processor);
    const dueMs = Math.max((user + system) / 1000 / coreShareMax, (bytes / bytesPerSecondMax) * 1000);
    await wait(Math.max(restMsMin, dueMs - (performance.now() - this.#beganMs)));
    this.#beganMs = performance.now();
    this.#processor = process.cpuUsage();
  }
}
