// What is to happen in trials, and when, from a seed alone: the same seed plans the same faults. What comes of them is
// up to the processes, which nobody can repeat.

import { random } from "../support/random.ts";
import type { Passages } from "./network.ts";

/** What becomes of one contender's network, at a moment when it holds. */
export interface NetworkFault {
  readonly name: string;
  /** Null cuts its connections, and no more. */
  readonly passages: Passages | null;
  /** After it began to hold. */
  readonly delayMs: number;
  readonly durationMs: number;
}

export interface TrialPlan {
  readonly trial: string;
  readonly seed: number;
  readonly kind: "lock" | "election";
  readonly timeoutMs: number;
  readonly lockDelayMs: number;
  readonly expiringShare: number | undefined;
  readonly faults: readonly NetworkFault[];
}

type CommonFaultName = (typeof commonFaults)[number];
const commonFaults = [
  ...(["host stopped", "host stopped over a restart", "host killed"] as const),
  ...(["server killed", "server stopped"] as const),
] as const;

/** What befalls all trials of a round at once. */
export interface CommonFault {
  readonly name: CommonFaultName;
  /** Before it, counted from the end of the last. */
  readonly delayMs: number;
  readonly durationMs: number;
  /** Which host, where it is one. */
  readonly host: number;
}

export interface RoundPlan {
  readonly trials: readonly TrialPlan[];
  readonly faults: readonly CommonFault[];
}

export const hostsPerRound = 4;
/** Of the service: sessions are so short that a trial is quick. */
export const sessionTimeoutMsMin = 300;
const timeoutMsMin = 900;
const timeoutMsMax = 1800;
/** Some sessions outlive a restart of the server. */
const longTimeoutShare = 0.15;
const longTimeoutMs = 3200;
const networkFaultsPerTrial = 2;
const commonFaultsPerRound = 4;

const passages: Readonly<Record<string, Passages | null>> = {
  "network swallows": { toServer: "swallow", toClient: "swallow" },
  "network swallows questions": { toServer: "swallow", toClient: "pass" },
  "network swallows answers": { toServer: "pass", toClient: "swallow" },
  "network holds back": { toServer: "holdBack", toClient: "holdBack" },
  "network holds back questions": { toServer: "holdBack", toClient: "pass" },
  "network holds back answers": { toServer: "pass", toClient: "holdBack" },
  "network cuts": null,
};

/** @param stretch how many times as long everything lasts: on a machine that is slow, or busy with other things */
export function planRound(seed: number, trialCount: number, stretch: number): RoundPlan {
  const { trials, faults } = planUnstretched(seed, trialCount);
  const stretched = <Timed extends { readonly delayMs: number; readonly durationMs: number }>(
    fault: Timed,
  ) => ({
    ...fault,
    delayMs: fault.delayMs * stretch,
    durationMs: fault.durationMs * stretch,
  });
  return {
    trials: trials.map((trial) => ({
      ...trial,
      timeoutMs: Math.round(trial.timeoutMs * stretch),
      faults: trial.faults.map(stretched),
    })),
    faults: faults.map(stretched),
  };
}

function planUnstretched(seed: number, trialCount: number): RoundPlan {
  const chance = random(seed);
  const trials = Array.from({ length: trialCount }, (_, index) => planTrial(`${seed}-${index}`, chance));
  // Each round has a host and a server that are stopped for longer than most sessions last; the others are drawn.
  const stopped = (["host stopped", "server stopped"] as const).map((name) => ({
    ...planCommonFault(chance),
    name,
    durationMs: timeoutMsMax * 1.5,
  }));
  const others = Array.from({ length: commonFaultsPerRound - stopped.length }, () => planCommonFault(chance));
  return { trials, faults: [...stopped, ...others] };
}

function planTrial(trial: string, chance: () => number): TrialPlan {
  const kind = chance() < 0.6 ? "lock" : "election";
  const shortTimeoutMs = Math.round(timeoutMsMin + chance() * (timeoutMsMax - timeoutMsMin));
  const timeoutMs = chance() < longTimeoutShare ? longTimeoutMs : shortTimeoutMs;
  const lockDelayMs = kind === "lock" && chance() < 0.4 ? Math.round(100 + chance() * 400) : 0;
  const faults = Array.from({ length: networkFaultsPerTrial }, () => planNetworkFault(chance, timeoutMs));
  const expiringShare = chance() < 0.5 ? 0 : undefined;
  return { trial, seed: Math.floor(chance() * 2 ** 31), kind, timeoutMs, lockDelayMs, expiringShare, faults };
}

function planNetworkFault(chance: () => number, timeoutMs: number): NetworkFault {
  const name = pick(Object.keys(passages), chance);
  const delayMs = chance() * 0.5 * timeoutMs;
  return {
    name,
    passages: passages[name] as Passages | null,
    delayMs,
    durationMs: durationOf(chance, timeoutMs),
  };
}

function planCommonFault(chance: () => number): CommonFault {
  const name = pick(commonFaults, chance);
  const durationMs = name === "server killed" ? chance() * 400 : durationOf(chance, timeoutMsMax);
  return { name, delayMs: 200 + chance() * 500, durationMs, host: Math.floor(chance() * hostsPerRound) };
}

/** Mostly past the end of the session, sometimes just short of it or about it. */
function durationOf(chance: () => number, timeoutMs: number): number {
  return (chance() < 0.7 ? 1.1 + chance() : 0.2 + chance()) * timeoutMs;
}

function pick<T>(list: readonly T[], chance: () => number): T {
  return list[Math.floor(chance() * list.length)] as T;
}

/** What befalls a supervisor that holds, or its command, or both. */
const ownFaults = [
  ...(["network swallows", "network holds back", "command stopped", "supervisor stopped"] as const),
  ...(["supervisor killed", "watchdog killed", "all stopped", "all stopped"] as const),
] as const;
type SupervisedFault = (typeof ownFaults)[number] | "server killed" | "server stopped";

export interface SupervisedPlan {
  readonly trial: string;
  readonly kind: "lock" | "election";
  readonly timeoutMs: number;
  readonly manner: "stubborn" | "obedient";
  readonly fault: SupervisedFault;
  readonly delayMs: number;
  /** Of those that were stopped together, as far as they can be told apart. */
  readonly commandWakesFirst: boolean;
}

export interface SupervisedRoundPlan {
  readonly trials: readonly SupervisedPlan[];
  /** What befalls the server, for so long; null when each trial has a fault of its own. */
  readonly serverFault: "server killed" | "server stopped" | null;
  readonly durationMs: number;
}

const supervisedTimeoutMsMin = 2000;
const supervisedTimeoutMsMax = 3000;

/** Every round but each fifth one and the one after it has its faults at the supervisors. */
export function planSupervisedRound(seed: number, trialCount: number): SupervisedRoundPlan {
  const chance = random(seed);
  const serverFault = ([null, null, null, "server killed", "server stopped"] as const)[seed % 5] ?? null;
  const trials = Array.from({ length: trialCount }, (_, index): SupervisedPlan => {
    const own = ownFaults[(seed * trialCount + index) % ownFaults.length] as SupervisedFault;
    return {
      trial: `supervised-${seed}-${index}`,
      kind: chance() < 0.6 ? "lock" : "election",
      timeoutMs: Math.round(
        supervisedTimeoutMsMin + chance() * (supervisedTimeoutMsMax - supervisedTimeoutMsMin),
      ),
      manner: chance() < 0.6 ? "stubborn" : "obedient",
      fault: serverFault ?? own,
      delayMs: serverFault === null ? chance() * 1000 : 0,
      commandWakesFirst: chance() < 0.5,
    };
  });
  return { trials, serverFault, durationMs: supervisedTimeoutMsMax * (1.1 + chance() / 2) };
}
