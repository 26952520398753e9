// Three complete servers on one log whose ways to it are never quiet. What befalls one process befalls each of them in
// turn, the housekeeper and others: it is killed and comes back under another name, or is cut off from the log, and knows
// of it or not.

import { systemClock } from "../../src/clock.ts";
import { type Member, Servers } from "../servers/servers.ts";
import { Weather } from "../servers/weather.ts";
import type { Deployment } from "./deployment.ts";
import { sessionTimeoutMsMin } from "./plans.ts";

const serverCount = 3;
/** Another takes the house over while a round still runs. */
const housekeeping = { everyMs: 200, silentMsMax: 1000 };

export class ThreeServers implements Deployment {
  readonly #servers: Servers;
  readonly #weathers: Weather[];
  #seed: number;
  #befallen = 0;
  #killCount = 0;
  #stopCount = 0;

  private constructor(servers: Servers, seed: number) {
    this.#servers = servers;
    this.#seed = seed;
    this.#weathers = servers.members.map((member) => this.#weatherOf(member));
  }

  static async start(seed: number): Promise<ThreeServers> {
    // One clock for all: the judge compares the log's times with the clock of the evidence.
    const clocks = Array.from({ length: serverCount }, () => systemClock);
    const args = ["--session-timeout-ms-min", String(sessionTimeoutMsMin)];
    return new ThreeServers(await Servers.start(clocks, args, housekeeping), seed);
  }

  get urls(): readonly string[] {
    return this.#servers.urls;
  }

  get soundUrl(): string {
    return this.#servers.urls[(this.#befallen + 1) % serverCount] as string;
  }

  async kill(): Promise<void> {
    this.#pick(this.#killCount % 2 === 1);
    this.#killCount += 1;
    await this.#servers.kill(this.#befallen);
  }

  async restart(): Promise<void> {
    this.#weathers[this.#befallen] = this.#weatherOf(await this.#servers.restart(this.#befallen));
  }

  stop(): void {
    this.#pick(this.#stopCount % 2 === 1);
    const knowsOfIt = this.#stopCount % 4 > 1;
    this.#stopCount += 1;
    if (knowsOfIt) this.#member.log.cutOff("Nothing passes.");
    else this.#member.log.hold();
  }

  goOn(): void {
    this.#member.log.connect();
    this.#weathers[this.#befallen]?.begin();
  }

  /** The next of those who keep house, or of those who do not. */
  #pick(keepsHouse: boolean): void {
    const { members } = this.#servers;
    const inTurn = members.map((_, index) => (this.#befallen + 1 + index) % serverCount);
    const found = inTurn.find((index) => members[index]?.isHousekeeper === keepsHouse);
    this.#befallen = found ?? (inTurn[0] as number);
    this.#weathers[this.#befallen]?.end();
  }

  get #member(): Member {
    return this.#servers.members[this.#befallen] as Member;
  }

  #weatherOf(member: Member): Weather {
    this.#seed += 1;
    const weather = new Weather(member.log, this.#seed);
    weather.begin();
    return weather;
  }

  /** @throws Error when the servers do not end in one state */
  async end(): Promise<void> {
    for (const weather of this.#weathers) weather.end();
    const [state, ...others] = await this.#servers.states();
    await this.#servers.stop();
    if (others.some((other) => other !== state))
      throw new Error(`The states differ: ${[state, ...others].join(" | ")}`);
  }
}
