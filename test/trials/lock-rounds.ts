// Rounds of trials: many at once, on one service and a few processes, which are stopped and killed while the trials run.

import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Evidence, monotonicMs } from "./evidence.ts";
import { Host } from "./hosts.ts";
import { faultsIn, type TrialRecord } from "./judge.ts";
import { LockTrial } from "./lock-trial.ts";
import { type CommonFault, hostsPerRound, planRound, type TrialPlan } from "./plans.ts";
import type { Service } from "./service.ts";
import type { Summary } from "./summary.ts";

export const trialsAtOnce = 50;

/** So many of a round's trials are to have an old master. */
const hitShareMin = 0.8;
const stretchMax = 4;

/** What befell all trials of the round, and when. */
interface Befallen {
  readonly name: string;
  /** Where it is one. */
  readonly host: string | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
}

export class LockRounds {
  readonly #service: Service;
  readonly #summary: Summary;
  readonly #hosts: Host[];
  #trials: readonly LockTrial[] = [];
  #hostCount = 0;
  #stretch = 1;
  #befallen: Befallen[] = [];

  constructor(service: Service, summary: Summary) {
    this.#service = service;
    this.#summary = summary;
    this.#hosts = Array.from({ length: hostsPerRound }, () => this.#newHost());
  }

  /** Returns the faults of its trials. */
  async run(seed: number, trialCount: number): Promise<string[]> {
    const plan = planRound(seed, trialCount, this.#stretch);
    this.#trials = plan.trials.map((trial) => new LockTrial(trial, this.#service));
    this.#befallen = [];
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
      const host = this.#hosts[fault.host]?.name;
      const fromMs = monotonicMs();
      await this.#befallOne(fault, everyone);
      this.#befallen.push({ name: fault.name, host, fromMs, untilMs: monotonicMs() });
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
    return new Host(`host-${this.#hostCount}`, this.#service.folder);
  }

  #judge(everyone: readonly Host[]): string[] {
    const evidence = Map.groupBy(everyone.flatMap(evidenceOf), ({ trial }) => trial);
    const failed = everyone.filter(({ hasFailed }) => hasFailed).map(({ name }) => `${name} has failed`);
    const faults = this.#trials.flatMap((trial) => {
      const record = trial.record(inOrder(evidence.get(trial.plan.trial) ?? []));
      this.#summary.countTrial(record, trial.faultsDone);
      this.#service.history.forget(trial.plan.trial);
      const faults = [...trial.faults, ...faultsIn(record)];
      return faults.length === 0
        ? []
        : [...faults, keptIn({ plan: trial.plan, befallen: this.#befallen, faults, record })];
    });
    return [...failed, ...faults];
  }

  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.kill()));
  }
}

interface Known {
  readonly plan: TrialPlan;
  readonly befallen: readonly Befallen[];
  readonly faults: readonly string[];
  readonly record: TrialRecord;
}

/** Nobody can repeat what happened: all that is known of it stays where it can be read. Returns where. */
function keptIn(known: Known): string {
  const file = join(tmpdir(), `treekeeper-trial-${known.plan.trial}-${process.pid}.json`);
  writeFileSync(file, JSON.stringify(known, null, 1));
  return `${known.plan.trial}: what is known of it is in ${file}`;
}

function evidenceOf(host: Host): Evidence[] {
  return host.evidence();
}

function inOrder(evidence: readonly Evidence[]): TrialRecord["evidence"] {
  return evidence.toSorted((one, other) => one.atMs - other.atMs);
}
