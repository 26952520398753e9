// Several complete servers of one process on one log, each with a clock of its own: a cluster but for the network's other
// end. Nothing of a server is replaced by something simpler.

import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { type Clock, systemClock } from "../../src/clock.ts";
import { Coordination } from "../../src/coordination/coordination.ts";
import { checkState } from "../../src/core/check.ts";
import { Digest } from "../../src/core/digest.ts";
import { State } from "../../src/core/state.ts";
import { Housekeeper } from "../../src/duties/housekeeper.ts";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import { Sweeper } from "../../src/duties/sweeper.ts";
import { createServer, type Server } from "../../src/server.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { readConfig } from "../../src/settings/config.ts";
import { boundsOf, type Config } from "../../src/settings/settings.ts";
import type { CommitLog } from "../../src/store/commit-log.ts";
import { SharedEntries } from "../../src/store/memory/shared-entries.ts";
import { SharedLog } from "../../src/store/memory/shared-log.ts";
import { Store } from "../../src/store/store.ts";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import { Watches } from "../../src/watches/watches.ts";
import { newSharedPlace } from "../support/logs.ts";

interface Settings {
  readonly config: Config;
  readonly housekeeping: HousekeeperPace;
}

/** How often the housekeeper is heard of, and how long it may be silent; as a service has it unless given. */
type HousekeeperPace = NonNullable<ConstructorParameters<typeof Housekeeper>[2]>;

interface Parts {
  readonly log: MemberLog;
  readonly state: State;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly housekeeper: Housekeeper;
  readonly server: Server;
}

type MemberLog = CommitLog & Pick<SharedLog, "hold" | "release" | "cutOff" | "connect" | "abandon">;

/** As in a process of its own, over the shared log. */
async function startParts(log: MemberLog, clock: Clock, { config, housekeeping }: Settings): Promise<Parts> {
  const state = State.fresh();
  const position = { appliedLsn: 0, historyFloorZxid: 0 };
  const store = new Store({ state, position, log, clock, limits: config });
  const saved = { rows: [], floorZxid: 0 };
  const watches = new Watches({ store, saved, limits: defaultWatchLimits, chance: Math.random });
  await store.start();
  const sessions = new Sessions(store, {
    timeoutMsMin: config.sessionTimeoutMsMin,
    timeoutMsMax: config.sessionTimeoutMsMax,
    timeoutMsDefault: config.sessionTimeoutMsDefault,
  });
  const coordination = new Coordination(store, config);
  const duties = [sessions, new Sweeper(store, config), new LockDelays(store)];
  const housekeeper = new Housekeeper(store, duties, housekeeping);
  const server = await createServer({
    ...{ store, sessions, watches, coordination, limits: config, bounds: boundsOf(config) },
    ...{ logger: pino({ level: "silent" }), version: "0.0.0", backstage: { housekeeper } },
  });
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  housekeeper.start();
  return { log, state, store, sessions, housekeeper, server };
}

/** One of them. */
export class Member {
  readonly store: Store;
  /** Where it serves, and served. */
  readonly url: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.store = parts.store;
    this.url = `http://127.0.0.1:${(parts.server.app.server.address() as AddressInfo).port}`;
    this.#parts = parts;
  }

  /** The one in memory, to which the way may be bad. */
  get log(): SharedLog {
    if (this.#parts.log instanceof SharedLog) return this.#parts.log;
    throw new Error("its log is not in memory");
  }

  /** Nothing passes between it and the log, until `goOn`. */
  fallBehind(): void {
    this.#parts.log.hold();
  }

  goOn(): void {
    this.#parts.log.release();
  }

  /** Nobody answers it for the log, and it knows, until `connect`. */
  cutOff(cause: string): void {
    this.#parts.log.cutOff(cause);
  }

  connect(): void {
    this.#parts.log.connect();
  }

  /** Whether it ends sessions, now and as far as it knows. */
  get isHousekeeper(): boolean {
    return this.#parts.housekeeper.isOnDuty;
  }

  tail(): Promise<number> {
    return this.#parts.log.tail();
  }

  /** The last transaction and a digest of the whole state, with what is wrong in it. */
  get state(): string {
    const { state } = this.#parts;
    return [state.zxid, Digest.of(state), ...checkState(state)].join(" ");
  }

  async stop(): Promise<void> {
    const { server, housekeeper, sessions, store } = this.#parts;
    await server.close();
    housekeeper.stop();
    sessions.dispose();
    await store.close();
  }

  /** As a process that is killed: nobody is answered, and nothing more is sent to the log. */
  async kill(): Promise<void> {
    const { log, server, housekeeper, sessions } = this.#parts;
    log.abandon();
    housekeeper.stop();
    sessions.dispose();
    server.app.server.closeAllConnections();
    await server.close();
  }
}

export class Servers {
  readonly #members: Member[];
  readonly #start: (index: number) => Promise<Member>;

  private constructor(members: Member[], start: (index: number) => Promise<Member>) {
    this.#members = members;
    this.#start = start;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** One for each of the clocks. @param args as on the command line */
  static async start(
    clocks: readonly Clock[],
    args: readonly string[] = [],
    housekeeping: HousekeeperPace = {},
  ): Promise<Servers> {
    const open = newSharedPlace() ?? openerInMemory();
    const settings = { config: readConfig(["node", "main.ts", ...args], "0.0.0"), housekeeping };
    const start = async (index: number) => {
      const clock = clocks[index] as Clock;
      return new Member(await startParts(await open(clock), clock, settings));
    };
    return new Servers(await Promise.all(clocks.map((_, index) => start(index))), start);
  }

  async kill(index: number): Promise<void> {
    await this.members[index]?.kill();
  }

  /** One that was killed comes back, under another name in the log. */
  async restart(index: number): Promise<Member> {
    const member = await this.#start(index);
    this.#members[index] = member;
    return member;
  }

  get urls(): string[] {
    return this.members.map(({ url }) => url);
  }

  /** The state of each when all have heard of everything; equal, or there is a fault. */
  async states(): Promise<string[]> {
    for (;;) {
      const tail = await this.#tail();
      await Promise.all(this.members.map(({ store }) => store.sync()));
      if ((await this.#tail()) === tail) return this.members.map(({ state }) => state);
    }
  }

  async #tail(): Promise<number> {
    return (await this.members[0]?.tail()) ?? 0;
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

function openerInMemory(): (clock: Clock) => Promise<MemberLog> {
  const entries = new SharedEntries();
  let incarnation = 0;
  return async (clock) => {
    incarnation += 1;
    return new SharedLog({ writer: `server-${incarnation}`, entries, clock });
  };
}

/** A clock that runs as the system's does, and shows another time of day. */
export function skewedClock(byMs: number): Clock {
  return { ...systemClock, wallMs: () => systemClock.wallMs() + byMs };
}
