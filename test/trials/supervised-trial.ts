// One trial of the supervisors: two of them want a lock or an election for a command, and something befalls the one that
// has it, or its command, or all of them. It brings about and collects; the judge judges.

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CliProcess, isEmptyGroup, signalGroup } from "../cli/fixture.ts";
import { workPathOf } from "./contender.ts";
import { type Evidence, monotonicMs, readEvidence } from "./evidence.ts";
import { faultsIn, type TrialRecord } from "./judge.ts";
import { queuePathOf } from "./lock-trial.ts";
import type { Network } from "./network.ts";
import type { SupervisedPlan } from "./plans.ts";
import type { Service } from "./service.ts";

const commandFile = fileURLToPath(new URL("./supervised.ts", import.meta.url));
const lostExitCode = 76;
const endsWithinMs = 60_000;
const pollMs = 2;
const contendersAtOnce = 2;

interface Supervisor {
  readonly who: string;
  readonly cli: CliProcess;
  readonly network: Network;
  /** It was not for itself to end, or to say how. */
  isEnded: boolean;
}

/** A supervisor that holds, and the command it runs. */
interface Holder {
  readonly supervisor: Supervisor;
  readonly group: number;
  readonly path: string;
  readonly fence: number;
}

/** All that could have ended the command stood still with it. */
interface Wake {
  readonly holder: Holder;
  readonly atMs: number;
  /** Until the command was seen dead. */
  readonly killDelayMs: number;
}

export class SupervisedTrial {
  readonly plan: SupervisedPlan;
  readonly #service: Service;
  readonly #evidenceFile: string;
  readonly #supervisors: Supervisor[] = [];
  readonly #holders: Holder[] = [];
  readonly #holderListeners = new Set<() => void>();
  readonly #faults: string[] = [];
  #wake: Wake | null = null;
  #isEnding = false;
  /** It ends with its supervisor, once it goes on. */
  #stoppedWatchdog: number | null = null;
  #hasBefallen = false;

  constructor(plan: SupervisedPlan, service: Service) {
    this.plan = plan;
    this.#service = service;
    this.#evidenceFile = join(service.folder, `${plan.trial}.ndjson`);
  }

  /** What befell one that held. */
  get faultsDone(): string[] {
    return this.#hasBefallen ? [this.plan.fault] : [];
  }

  /** How the command was ended that woke up too late, and how often it tried to write meanwhile. */
  get kill(): { readonly delayMs: number; readonly writeCount: number } | null {
    if (this.#wake === null) return null;
    const { atMs, killDelayMs: delayMs, holder } = this.#wake;
    const isLateWrite = (told: Evidence) =>
      told.kind === "asked" && told.fence === holder.fence && told.atMs >= atMs;
    return { delayMs, writeCount: this.#evidence().filter(isLateWrite).length };
  }

  /** Resolves when one of the two has it. */
  async begin(): Promise<void> {
    await this.#service.client.create(workPathOf(this.plan.trial), "");
    for (let count = 0; count < contendersAtOnce; count += 1) await this.#start();
    await this.#untilHolder(1);
  }

  async #start(): Promise<void> {
    const { trial, kind, timeoutMs, manner } = this.plan;
    const network = await this.#service.network();
    const who = `supervisor-${this.#supervisors.length + 1}`;
    const command = [
      process.execPath,
      commandFile,
      this.#evidenceFile,
      this.#service.safeUrl,
      trial,
      who,
      manner,
    ];
    const words = kind === "lock" ? ["lock", trial] : ["elect", trial, "--value", who];
    const args = [...words, "--timeout-ms", String(timeoutMs), "--", ...command];
    const supervisor = { who, cli: new CliProcess(args, { endpoint: network.url }), network, isEnded: false };
    this.#supervisors.push(supervisor);
    void this.#listen(supervisor);
    void this.#replace(supervisor);
  }

  /** Its commands say who they are. */
  async #listen(supervisor: Supervisor): Promise<void> {
    for await (const line of supervisor.cli.lines()) {
      const [group, fenceText = ""] = line.split(" ");
      const [path = "", fence] = fenceText.split("@");
      const holder = { supervisor, group: Number(group), path, fence: Number(fence?.split(".")[0]) };
      this.#holders.push(holder);
      void this.#service.history.untilEnded(path).then(() => this.#expectDead(holder));
      for (const listener of [...this.#holderListeners]) listener();
    }
  }

  /** Whoever ends is started again, as on any host: somebody always wants what is held. */
  async #replace(supervisor: Supervisor): Promise<void> {
    const { code, stderr } = await supervisor.cli.ended;
    if (this.#isEnding) return;
    const hasHeld = this.#holders.some((holder) => holder.supervisor === supervisor);
    if (hasHeld && !supervisor.isEnded && code !== lostExitCode) {
      this.#faults.push(`${supervisor.who} lost what it held and ended with ${code}: ${stderr}`);
    }
    await this.#start();
  }

  /** The claim has ended a moment ago: whatever it held for must be dead, and not merely silent. */
  #expectDead({ group, fence }: Holder): void {
    if (this.plan.fault === "all stopped" || isEmptyGroup(group)) return;
    this.#faults.push(`the command of ${fence} was there after the end of its claim`);
  }

  async #untilHolder(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (this.#holders.length >= count) resolve();
    };
    const timer = setTimeout(
      () => reject(new Error(`holder ${count} of ${this.plan.trial} did not come`)),
      endsWithinMs,
    );
    this.#holderListeners.add(look);
    look();
    await promise.finally(() => {
      clearTimeout(timer);
      this.#holderListeners.delete(look);
    });
  }

  /** Something befalls the holder, and passes after the next one has begun. */
  async run(): Promise<void> {
    const holder = this.#holders.at(-1) as Holder;
    await pause(this.plan.delayMs);
    // On a busy machine it may have lost it by now: another holds then, or soon.
    if (isEmptyGroup(holder.group)) return;
    this.#hasBefallen = true;
    const restore = this.#befall(holder);
    await this.#untilHolder(this.#holders.length + 1);
    await restore();
  }

  #befall(holder: Holder): () => Promise<void> {
    const { cli, network } = holder.supervisor;
    const { fault } = this.plan;
    if (fault === "network swallows") network.fail({ toServer: "swallow", toClient: "swallow" });
    if (fault === "network holds back") network.fail({ toServer: "holdBack", toClient: "holdBack" });
    if (fault === "command stopped") {
      signalGroup(holder.group, "SIGSTOP");
      network.fail({ toServer: "swallow", toClient: "swallow" });
    }
    if (fault === "supervisor stopped") {
      cli.signal("SIGSTOP");
      return async () => cli.signal("SIGCONT");
    }
    if (fault === "supervisor killed") {
      holder.supervisor.isEnded = true;
      cli.signal("SIGKILL");
    }
    if (fault === "watchdog killed") process.kill(cli.watchdog, "SIGKILL");
    if (fault === "all stopped") return this.#stopAll(holder);
    return async () => network.heal();
  }

  #stopAll(holder: Holder): () => Promise<void> {
    const all = [holder.supervisor.cli.watchdog, holder.supervisor.cli.pid, -holder.group];
    for (const pid of all) process.kill(pid, "SIGSTOP");
    this.#stoppedWatchdog = all[0] as number;
    return async () => {
      this.#stoppedWatchdog = null;
      const atMs = monotonicMs();
      for (const pid of this.plan.commandWakesFirst ? all.toReversed() : all) process.kill(pid, "SIGCONT");
      while (!isEmptyGroup(holder.group) && monotonicMs() < atMs + endsWithinMs) await pause(pollMs);
      this.#wake = { holder, atMs, killDelayMs: monotonicMs() - atMs };
    };
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    // Those that wait go first, lest they are given what the others let go of.
    const last = this.#holders.at(-1)?.supervisor;
    for (const supervisor of this.#supervisors) if (supervisor !== last) await this.#endOne(supervisor);
    if (last !== undefined) await this.#endOne(last);
    const left = await this.#service.untilFree(queuePathOf(this.plan), endsWithinMs);
    this.#faults.push(...left.map((id) => `${id} was left behind`));
    for (const { network } of this.#supervisors) await this.#service.closeNetwork(network);
  }

  async #endOne(supervisor: Supervisor): Promise<void> {
    const { cli } = supervisor;
    cli.signal("SIGTERM");
    // A stubborn command goes on; what becomes of it is not on trial any more.
    for (const holder of this.#holders)
      if (holder.supervisor === supervisor) signalGroup(holder.group, "SIGKILL");
    const timer = setTimeout(() => {
      this.#faults.push(`${supervisor.who} did not end`);
      cli.signal("SIGKILL");
    }, endsWithinMs);
    await cli.ended.finally(() => clearTimeout(timer));
  }

  /** What is left of it, whatever has gone wrong. */
  async clear(): Promise<void> {
    this.#isEnding = true;
    if (this.#stoppedWatchdog !== null) process.kill(this.#stoppedWatchdog, "SIGCONT");
    for (const { group } of this.#holders) signalGroup(group, "SIGKILL");
    for (const { cli } of this.#supervisors) {
      cli.signal("SIGCONT");
      cli.signal("SIGKILL");
      await cli.ended;
    }
  }

  /** Without what a command did in the moment between waking up and being ended, which is judged by itself. */
  record(): TrialRecord {
    const evidence = this.#evidence().filter((told) => !this.#isAfterWaking(told));
    const { claims, writes } = this.#service.history.of(this.plan.trial);
    return { trial: this.plan.trial, lockDelayMs: 0, evidence, claims, writes };
  }

  #evidence(): Evidence[] {
    return readEvidence(this.#evidenceFile).toSorted((one, other) => one.atMs - other.atMs);
  }

  faults(): string[] {
    const own = [...this.#faults, ...this.#wakeFaults(this.#evidence())];
    const named = own.map((fault) => `${this.plan.trial}, ${this.plan.fault}: ${fault}`);
    return [...named, ...faultsIn(this.record())];
  }

  #isAfterWaking({ kind, fence, atMs }: Evidence): boolean {
    return kind === "believed" && this.#wake?.holder.fence === fence && atMs >= this.#wake.atMs;
  }

  /** What woke up together may live for a moment, and is dead before its supervisor runs a command again. */
  #wakeFaults(evidence: readonly Evidence[]): string[] {
    if (this.#wake === null) return [];
    const { holder } = this.#wake;
    const last = evidence.findLast(({ kind, fence }) => kind === "believed" && fence === holder.fence);
    const again = evidence.find(
      ({ kind, who, fence }) => kind === "held" && who === holder.supervisor.who && fence > holder.fence,
    );
    const isTooLate = again !== undefined && last !== undefined && last.atMs >= again.atMs;
    return [
      ...(isTooLate ? [`the command of ${holder.fence} lived on beside that of ${again.fence}`] : []),
      ...(isEmptyGroup(holder.group) ? [] : [`the command of ${holder.fence} was not ended`]),
    ];
  }
}
