// Rounds of trials of the supervisors: some at once, on one service, which is killed or stopped in some of the rounds.

import { setTimeout as pause } from "node:timers/promises";
import { planSupervisedRound, type SupervisedRoundPlan } from "./plans.ts";
import type { Service } from "./service.ts";
import type { Summary } from "./summary.ts";
import { SupervisedTrial } from "./supervised-trial.ts";

/** Each has some six processes. */
export const supervisedAtOnce = 8;

/** Returns the faults of its trials. */
export async function runSupervisedRound(
  service: Service,
  summary: Summary,
  seed: number,
): Promise<string[]> {
  const plan = planSupervisedRound(seed, supervisedAtOnce);
  const trials = plan.trials.map((trial) => new SupervisedTrial(trial, service));
  try {
    await Promise.all(trials.map((trial) => trial.begin()));
    await Promise.all([befallServer(service, plan), ...trials.map((trial) => trial.run())]);
    await Promise.all(trials.map((trial) => trial.end()));
    await service.history.complete(`supervised-round-${seed}`);
    return trials.flatMap((trial) => {
      summary.countTrial(trial.record(), trial.faultsDone);
      if (trial.kill !== null) summary.countKill(trial.kill);
      return trial.faults();
    });
  } finally {
    await Promise.all(trials.map((trial) => trial.clear()));
  }
}

async function befallServer(
  service: Service,
  { serverFault, durationMs }: SupervisedRoundPlan,
): Promise<void> {
  if (serverFault === "server killed") {
    await service.killServer();
    await pause(durationMs);
    await service.restartServer();
  } else if (serverFault === "server stopped") {
    service.stopServer();
    await pause(durationMs);
    service.continueServer();
  }
}
