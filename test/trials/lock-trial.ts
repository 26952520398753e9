// One trial: a lock or an election that contenders on several processes want at once, while the network of whoever holds
// it fails as planned. It brings about and collects; the judge judges.

import { Http } from "../support/http.ts";
import type { Contention } from "./contender.ts";
import { workPathOf } from "./contender.ts";
import type { Evidence } from "./evidence.ts";
import type { Host } from "./hosts.ts";
import type { TrialRecord } from "./judge.ts";
import type { Network } from "./network.ts";
import type { NetworkFault, TrialPlan } from "./plans.ts";
import type { Service } from "./service.ts";

/** When nothing fails any more, everything comes to its end in this time. */
const endsWithinMs = 30_000;
/** A long hold comes again and again; should none come in this time, the fault befalls nobody. */
const heldWithinMs = 15_000;

interface Seat {
  readonly who: string;
  readonly host: Host;
  readonly network: Network;
}

export class LockTrial {
  readonly plan: TrialPlan;
  readonly #service: Service;
  readonly #seats = new Map<Host, Seat>();
  readonly #networks: Network[] = [];
  readonly #longHoldListeners = new Set<(seat: Seat) => void>();
  readonly #pending = new Map<Host, { readonly type: string; readonly resolve: () => void }>();
  readonly #stopListening: (() => void)[] = [];
  /** What the judge cannot see. */
  readonly faults: string[] = [];
  /** What befell somebody who held. */
  readonly faultsDone: string[] = [];

  constructor(plan: TrialPlan, service: Service) {
    this.plan = plan;
    this.#service = service;
  }

  async begin(hosts: readonly Host[]): Promise<void> {
    const { trial, kind, lockDelayMs } = this.plan;
    await this.#service.client.create(workPathOf(trial), "");
    if (kind === "lock" && lockDelayMs > 0) {
      const answer = await new Http(this.#service.safeUrl).put(`/v1/locks/${trial}`, {
        json: { lockDelayMs },
      });
      if (answer.status !== 200) throw new Error(`the delay was refused: ${answer.text}`);
    }
    for (const host of hosts) await this.join(host);
  }

  /** A contender of this trial on the host. */
  async join(host: Host): Promise<void> {
    const { trial, kind, timeoutMs, expiringShare, seed } = this.plan;
    const network = await this.#service.network();
    const seat = { who: host.name, host, network };
    this.#networks.push(network);
    this.#seats.set(host, seat);
    this.#stopListening.push(
      host.onNews((news) => {
        if (news.trial !== trial) return;
        if (news.isLong === true) for (const listener of [...this.#longHoldListeners]) listener(seat);
        if (news.type === this.#pending.get(host)?.type) this.#pending.get(host)?.resolve();
      }),
    );
    const contention: Contention = {
      ...{ trial, kind, timeoutMs, expiringShare, who: seat.who },
      ...{ endpoint: network.url, safeEndpoint: this.#service.safeUrl },
      seed: seed + this.#networks.length,
    };
    host.order({ type: "contend", contention });
  }

  /** The host was killed, and its contender with it. */
  leave(host: Host): void {
    this.#seats.delete(host);
    this.#pending.get(host)?.resolve();
  }

  /** One planned fault after the other, each at somebody who holds. */
  async run(): Promise<void> {
    for (const fault of this.plan.faults) {
      const seat = await this.#longHold();
      if (seat !== null) await this.#befall(seat, fault);
    }
  }

  #longHold(): Promise<Seat | null> {
    return new Promise((resolve) => {
      const end = (seat: Seat | null) => {
        clearTimeout(timer);
        this.#longHoldListeners.delete(end);
        resolve(seat);
      };
      const timer = setTimeout(() => end(null), heldWithinMs);
      this.#longHoldListeners.add(end);
    });
  }

  async #befall({ network }: Seat, { name, passages, delayMs, durationMs }: NetworkFault): Promise<void> {
    await pause(delayMs);
    this.faultsDone.push(name);
    if (passages === null) return network.cut();
    network.fail(passages);
    await pause(durationMs);
    network.heal();
  }

  /** All let go, and nothing may be left in the queue but what belongs to the dead. */
  async end(): Promise<void> {
    await this.#all("drain", "drained");
    // A claim that is given back goes while its session lives on; those of the dead go with their sessions.
    const left = await this.#service.untilFree(queuePathOf(this.plan), endsWithinMs);
    this.faults.push(...left.map((id) => `${this.plan.trial}: ${id} was left behind by one that lives`));
    await this.#all("leave", "left");
    for (const stop of this.#stopListening) stop();
    for (const network of this.#networks) await this.#service.closeNetwork(network);
  }

  async #all(order: "drain" | "leave", news: "drained" | "left"): Promise<void> {
    const waits = [...this.#seats.keys()].map((host) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#pending.set(host, { type: news, resolve });
      host.order({ type: order, trial: this.plan.trial });
      return within(endsWithinMs, `${host.name} ${news}`, promise);
    });
    await Promise.all(waits);
  }

  record(evidence: readonly Evidence[]): TrialRecord {
    const { trial, lockDelayMs } = this.plan;
    const { claims, writes } = this.#service.history.of(trial);
    return { trial, lockDelayMs, evidence, claims, writes };
  }
}

export function queuePathOf({ kind, trial }: Pick<TrialPlan, "kind" | "trial">): string {
  return kind === "lock" ? `/locks/${trial}` : `/elections/${trial}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function within(ms: number, what: string, promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
