// What befalls the way between one server and the log, from a seed: it is calm, slow, or loses what is sent, others'
// entries come in bursts, and now and then nothing passes at all.

import { systemClock } from "../../src/clock.ts";
import { freePassage, type Passage, type SharedLog } from "../../src/store/memory/shared-log.ts";
import { random } from "../support/random.ts";

/** Each in milliseconds at most. */
interface Kind {
  /** Each way. */
  readonly wayMs: number;
  readonly lagMs: number;
  readonly lossChance: number;
  readonly isCutOff: boolean;
  readonly forMs: number;
}

const usual = { wayMs: 0, lagMs: 0, lossChance: 0, isCutOff: false, forMs: 300 };

const kinds: readonly Kind[] = [
  usual,
  { ...usual, wayMs: 5, lagMs: 15 },
  { ...usual, lagMs: 80 },
  { ...usual, wayMs: 2, lagMs: 5, lossChance: 0.3 },
  { ...usual, isCutOff: true, forMs: 150 },
];

const resendMs = 10;

export class Weather {
  readonly #log: SharedLog;
  readonly #seed: number;
  readonly #chance: () => number;
  #changes = 0;
  #cancelTimer: () => void = () => {};

  constructor(log: SharedLog, seed: number) {
    this.#log = log;
    this.#seed = seed;
    this.#chance = random(seed);
  }

  /** From now on one kind follows the other. */
  begin(): void {
    const kind = kinds[Math.floor(this.#chance() * kinds.length)] as Kind;
    const forMs = Math.ceil(this.#chance() * kind.forMs);
    this.#changes += 1;
    // Of its own, so that what comes next does not depend on how much is sent now.
    this.#log.passage = passageOf(kind, random(this.#seed + 7919 * this.#changes));
    if (kind.isCutOff) this.#log.hold();
    else this.#log.release();
    this.#cancelTimer = systemClock.setTimer(forMs, () => this.begin());
  }

  /** Everything passes, and goes on passing. */
  end(): void {
    this.#cancelTimer();
    this.#log.passage = freePassage;
    this.#log.release();
  }
}

function passageOf({ wayMs, lagMs, lossChance }: Kind, chance: () => number): Passage {
  const upTo = (ms: number) => Math.floor(chance() * (ms + 1));
  const way = () => (chance() < lossChance ? null : upTo(wayMs));
  return { toLogMs: way, toServerMs: way, lagMs: () => upTo(lagMs), resendMs };
}
