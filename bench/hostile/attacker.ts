// The process an attack comes from. It is played until the driver ends it.

import { constants, setPriority } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { answerCalls } from "../support/command-process.ts";
import type { Assault, Tally, Target } from "./assault.ts";
import { type AttackName, attackOf } from "./attacks.ts";
import { Pace } from "./pace.ts";

const inPlaceWithinMs = 90_000;
const lookEveryMs = 50;

interface Playing {
  readonly assault: Assault;
  isOver: boolean;
  readonly done: Promise<void>;
}

let playing: Playing | null = null;

// It stands for somebody on another machine: what it takes of the processors is not to be had by those who are measured.
setPriority(constants.priority.PRIORITY_LOW);

const commands = {
  /** Resolves when the attack is all there. */
  async begin({ attack, target }: { attack: AttackName; target: Target }): Promise<void> {
    const assault = await attackOf(attack).begin(target);
    playing = play(assault);
    for (let waitedMs = 0; !assault.isInPlace; waitedMs += lookEveryMs) {
      if (waitedMs > inPlaceWithinMs)
        throw new Error(`${attack}: not in place in ${inPlaceWithinMs} ms: ${JSON.stringify(assault.tally)}`);
      await wait(lookEveryMs);
    }
  },

  async end(): Promise<Tally | null> {
    const ended = playing;
    playing = null;
    if (ended === null) return null;
    ended.isOver = true;
    ended.assault.end();
    await ended.done;
    return ended.assault.tally;
  },
};

export type AttackerCommands = typeof commands;

function play(assault: Assault): Playing {
  const pace = new Pace();
  const run = async () => {
    while (!begun.isOver) await pace.rest(await assault.burst());
    // What the last burst has opened.
    assault.end();
  };
  const begun: Playing = { assault, isOver: false, done: Promise.resolve().then(run) };
  // What fails it fails the benchmark, when the driver ends it.
  begun.done.catch(() => {});
  return begun;
}

answerCalls(commands);
