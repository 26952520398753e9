// Rounds of trials: many at once, on one service and a few processes, which are stopped and killed while the trials run.

import { setTimeout as pause } from "node:timers/promises";
import type { Evidence } from "./evidence.ts";
import { Host } from "./hosts.ts";
import { faultsIn, type TrialRecord } from "./judge.ts";
import { LockTrial } from "./lock-trial.ts";
import { type CommonFault, hostsPerRound, planRound } from "./plans.ts";
import type { Service } from "./service.ts";
import type { Summary } from "./summary.ts";

export const trialsAtOnce = 50;

/** So many of a round's trials are to have an old master. */
const hitShareMin = 0.8;
const stretchMax = 4;

export class LockRounds {
  readonly #service: Service;
  readonly #summary: Summary;
  readonly #hosts: Host[];
  #trials: readonly LockTrial[] = [];
  #hostCount = 0;
  #stretch = 1;

  constructor(service: Service, summary: Summary) {
    this.#service = service;
    this.#summary = summary;
    this.#hosts = Array.from({ length: hostsPerRound }, () => this.#newHost());
  }

  /** Returns the faults of its trials. */
  async run(seed: number, trialCount: number): Promise<string[]> {
    const plan = planRound(seed, trialCount, this.#stretch);
    this.#trials = plan.trials.map((trial) => new LockTrial(trial, this.#service));
    const everyone = [...this.#hosts];
    await Promise.all(this.#trials.map((trial) => trial.begin(this.#hosts)));
    const common = this.#befall(plan.faults, everyone);
    await Promise.all([common, ...this.#trials.map((trial) => trial.run())]);
    await Promise.all(this.#trials.map((trial) => trial.end()));
    await this.#service.history.complete(`round-${seed}`);
    const hitsBefore = this.#summary.hitCount;
    const faults = this.#judge(everyone);
    this.#learn((this.#summary.hitCount - hitsBefore) / trialCount);
    return faults;
  }

  /** Where sessions end before they are of any use, the machine has other things to do: the next ones last longer. */
  #learn(hitShare: number): void {
    const wished = this.#stretch * (hitShare < hitShareMin ? 2 : 0.75);
    this.#stretch = Math.min(stretchMax, Math.max(1, wished));
  }

  async #befall(faults: readonly CommonFault[], everyone: Host[]): Promise<void> {
    for (const fault of faults) {
      await pause(fault.delayMs);
      this.#summary.countFault(fault.name);
      await this.#befallOne(fault, everyone);
    }
  }

  async #befallOne({ name, durationMs, host: index }: CommonFault, everyone: Host[]): Promise<void> {
    const host = this.#hosts[index] as Host;
    if (name === "host stopped") {
      host.stop();
      await pause(durationMs);
      host.goOn();
    } else if (name === "host stopped over a restart") {
      host.stop();
      await this.#service.killServer();
      await this.#service.restartServer();
      await pause(durationMs);
      host.goOn();
    } else if (name === "host killed") {
      await host.kill();
      const next = this.#newHost();
      this.#hosts[index] = next;
      everyone.push(next);
      for (const trial of this.#trials) trial.leave(host);
      await Promise.all(this.#trials.map((trial) => trial.join(next)));
    } else if (name === "server killed") {
      await this.#service.killServer();
      await pause(durationMs);
      await this.#service.restartServer();
    } else {
      this.#service.stopServer();
      await pause(durationMs);
      this.#service.continueServer();
    }
  }

  #newHost(): Host {
    this.#hostCount += 1;
    return new Host(`host-${this.#hostCount}`, this.#service.dataDir);
  }

  #judge(everyone: readonly Host[]): string[] {
    const evidence = Map.groupBy(everyone.flatMap(evidenceOf), ({ trial }) => trial);
    const failed = everyone.filter(({ hasFailed }) => hasFailed).map(({ name }) => `${name} has failed`);
    const faults = this.#trials.flatMap((trial) => {
      const record = trial.record(inOrder(evidence.get(trial.plan.trial) ?? []));
      this.#summary.countTrial(record, trial.faultsDone);
      this.#service.history.forget(trial.plan.trial);
      return [...trial.faults, ...faultsIn(record)];
    });
    return [...failed, ...faults];
  }

  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.kill()));
  }
}

function evidenceOf(host: Host): Evidence[] {
  return host.evidence();
}

function inOrder(evidence: readonly Evidence[]): TrialRecord["evidence"] {
  return evidence.toSorted((one, other) => one.atMs - other.atMs);
}
