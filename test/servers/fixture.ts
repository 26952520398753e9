// Servers of one service for tests of what they promise together: time passes when a test says so, for all of them alike,
// and each may be kept from hearing what the others have written.

import { test as base } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { type EventStream, Http } from "../support/http.ts";
import { type Member, Servers } from "./servers.ts";

export interface Session {
  readonly id: string;
  readonly token: string;
}

/** One server, as its clients and its operator see it. */
export class Site {
  readonly http: Http;
  readonly #member: Member;
  readonly #streams: EventStream[] = [];

  constructor(member: Member) {
    this.http = new Http(member.url);
    this.#member = member;
  }

  /** For what no client asks. */
  get store(): Member["store"] {
    return this.#member.store;
  }

  /** Whatever is written elsewhere, and what is written here, waits for `goOn`. */
  fallBehind(): void {
    this.#member.fallBehind();
  }

  /** Resolves when it has heard of everything. */
  async goOn(): Promise<void> {
    this.#member.goOn();
    await this.hasCaughtUp();
  }

  /** Nobody answers it for the log any more, and it knows. */
  cutOff(): void {
    this.#member.cutOff("nobody answers");
  }

  connect(): void {
    this.#member.connect();
  }

  /** Whether it ends sessions, now and as far as it knows. */
  get isHousekeeper(): boolean {
    return this.#member.isHousekeeper;
  }

  async hasCaughtUp(): Promise<void> {
    await this.#member.store.sync();
  }

  async openSession(timeoutMs: number): Promise<Session> {
    const answer = await this.http.post("/v1/sessions", { json: { timeoutMs } });
    if (answer.status !== 201) throw new Error(`no session but ${answer.text}`);
    return answer.json<never>();
  }

  /** Resolves when what was sent to it before has been read, and done as far as nothing is waited for. */
  async hasRead(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await this.http.get("/v1/limits");
  }

  async stream(path: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const stream = await this.http.stream(path, { headers });
    this.#streams.push(stream);
    return stream;
  }

  /** Their server knows it when this resolves, and need not wait for them when it stops. */
  async closeStreams(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.hasRead();
  }
}

export function tokenOf({ token }: Session): { headers: { "session-token": string } } {
  return { headers: { "session-token": token } };
}

interface ServersFixture {
  /** The first is right about the time of day, the second behind, the third ahead. */
  sites: readonly [Site, Site, Site];
  pass: (ms: number) => Promise<void>;
}

/** Much more than any lock delay here. */
const skewMs = 60_000;
const stepMs = 50;

export const test = base.extend<ServersFixture & { clocks: readonly FakeClock[] }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  clocks: async ({}, use) => {
    const now = 1_700_000_000_000;
    await use([0, -skewMs, skewMs].map((byMs) => new FakeClock(now + byMs)));
  },
  sites: async ({ clocks }, use) => {
    const servers = await Servers.start(clocks, ["--session-timeout-ms-min", "100"]);
    const [one, two, three] = servers.members.map((member) => new Site(member));
    const sites = [one as Site, two as Site, three as Site] as const;
    await use(sites);
    for (const site of sites) await site.closeStreams();
    for (const member of servers.members) member.goOn();
    const [state, ...others] = await servers.states();
    await servers.stop();
    if (others.some((other) => other !== state))
      throw new Error(`states differ: ${[state, ...others].join(" | ")}`);
  },
  pass: async ({ clocks }, use) => {
    await use(async (ms) => {
      for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
        for (const clock of clocks) await clock.advance(Math.min(stepMs, ms - passedMs));
      }
    });
  },
});

export { expect } from "vitest";
