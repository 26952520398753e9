// A client of plain znodes: it writes registers, some on condition of their version, two in one transaction; adds to a
// counter and makes sequential znodes, again under the same key where no answer came; and reads what it and others wrote.

import { setTimeout as wait } from "node:timers/promises";
import type { Asker, Told } from "./asking.ts";
import type { Journal } from "./journal.ts";
import type { Read, Write } from "./record.ts";

export const root = "/n";
const registerPaths = ["/n/r/0", "/n/r/1", "/n/r/2"] as const;
const pairParent = "/n/p";
export const sequenceParent = "/n/s";
export const counterName = "nemesis";
const pairPaths = [`${pairParent}/a`, `${pairParent}/b`] as const;
/** What the znodes above hold before anybody writes. */
export const initialPaths = [
  root,
  "/n/r",
  ...registerPaths,
  pairParent,
  ...pairPaths,
  sequenceParent,
  "/n/e",
];

const betweenMsMax = 60;
/** How often something is asked under one key. */
const attemptsMax = 6;
const betweenAttemptsMs = 100;

interface ZnodeBody {
  readonly path: string;
  readonly data?: string;
  readonly stat: { readonly mzxid: number; readonly czxid: number; readonly version: number };
}

export class RegisterClient {
  readonly #asker: Asker;
  readonly #journal: Journal;
  readonly #chance: () => number;
  readonly #versions = new Map<string, number>();
  #count = 0;

  constructor(asker: Asker, journal: Journal, chance: () => number) {
    this.#asker = asker;
    this.#journal = journal;
    this.#chance = chance;
  }

  async run(isOver: () => boolean): Promise<void> {
    const deeds = [
      () => this.#set(),
      () => this.#setOnCondition(),
      () => this.#setPair(),
      () => this.#add(),
      () => this.#createSequential(),
      () => this.#read(false),
      () => this.#read(true),
      () => this.#readPair(),
    ];
    while (!isOver()) {
      await (deeds[Math.floor(this.#chance() * deeds.length)] as () => Promise<void>)();
      await wait(this.#chance() * betweenMsMax);
    }
  }

  #newValue(): string {
    this.#count += 1;
    return `${this.#asker.name}.${this.#count}`;
  }

  get #somePath(): string {
    return registerPaths[Math.floor(this.#chance() * registerPaths.length)] as string;
  }

  async #set(): Promise<void> {
    const [path, value] = [this.#somePath, this.#newValue()];
    const told = await this.#asker.ask("PUT", `/v1/znodes${path}`, { body: value });
    this.#noteWrite(told, { value, paths: [path], isSequential: false });
  }

  async #setOnCondition(): Promise<void> {
    const path = this.#somePath;
    const ifVersion = this.#versions.get(path);
    if (ifVersion === undefined) return await this.#read(false);
    const value = this.#newValue();
    const told = await this.#asker.ask("PUT", `/v1/znodes${path}?version=${ifVersion}`, { body: value });
    this.#noteWrite(told, { value, paths: [path], isSequential: false, ifVersion });
  }

  async #setPair(): Promise<void> {
    const value = this.#newValue();
    const operations = pairPaths.map((path) => ({ op: "set", path, data: value }));
    const told = await this.#asker.ask("POST", "/v1/transactions", { json: { operations } });
    this.#noteWrite(told, { value, paths: pairPaths, isSequential: false });
  }

  async #createSequential(): Promise<void> {
    const value = this.#newValue();
    const asked = `${sequenceParent}/x-`;
    const target = `/v1/znodes${asked}?sequential=true`;
    const told = await this.#insist(() =>
      this.#asker.ask("POST", target, { body: value, headers: { "idempotency-key": value } }),
    );
    this.#noteWrite(told, { value, paths: [asked], isSequential: true });
  }

  async #add(): Promise<void> {
    const headers = { "idempotency-key": this.#newValue() };
    const told = await this.#insist(() =>
      this.#asker.ask("POST", `/v1/counters/${counterName}`, { headers }),
    );
    const { beganMs, endedMs } = told;
    if (told.kind === "done") {
      const { zxid, value } = told.body as { zxid: number; value: number };
      this.#journal.increments.push({ beganMs, endedMs, outcome: zxid, value });
    } else {
      const outcome = told.kind === "refused" ? { refused: told.code } : told.kind;
      this.#journal.increments.push({ beganMs, endedMs, outcome });
    }
  }

  /** Where one attempt may have been done, a refusal of the next one says nothing of it. */
  async #insist(ask: () => Promise<Told>): Promise<Told> {
    let [beganMs, mayBeDone] = [Number.NaN, false];
    for (let attempts = 1; ; attempts += 1) {
      const told = await ask();
      if (attempts === 1) beganMs = told.beganMs;
      if (told.kind === "done") return { ...told, beganMs };
      if (told.kind === "unknown") mayBeDone = true;
      if (attempts === attemptsMax) {
        return mayBeDone ? { kind: "unknown", beganMs, endedMs: told.endedMs } : { ...told, beganMs };
      }
      await wait(betweenAttemptsMs);
    }
  }

  #noteWrite(told: Told, write: Pick<Write, "value" | "paths" | "isSequential" | "ifVersion">): void {
    const { beganMs, endedMs } = told;
    const about = { ...write, beganMs, endedMs };
    if (told.kind === "done") {
      const { path, stat, zxid } = told.body as Partial<ZnodeBody> & { zxid?: number };
      this.#journal.writes.push({
        ...about,
        outcome: zxid ?? stat?.mzxid ?? Number.NaN,
        ...(path !== undefined && { path }),
      });
      if (path !== undefined && stat !== undefined) this.#versions.set(path, stat.version);
    } else if (told.kind === "refused") {
      this.#journal.writes.push({ ...about, outcome: { refused: told.code }, refusedAt: told.zxid });
    } else this.#journal.writes.push({ ...about, outcome: "unknown" });
  }

  async #read(isLinearizable: boolean): Promise<void> {
    const path = this.#somePath;
    const query = isLinearizable ? "?consistency=linearizable" : "";
    // Whoever wants the newest need not have seen anything.
    const minZxid = isLinearizable ? 0 : this.#asker.seenZxid;
    const told = await this.#asker.ask("GET", `/v1/znodes${path}${query}`, {}, minZxid);
    if (told.kind !== "done") return;
    const { data = "", stat } = told.body as unknown as ZnodeBody;
    this.#versions.set(path, stat.version);
    this.#noteRead(told, minZxid, { path, isLinearizable, value: data, ...stat });
  }

  async #readPair(): Promise<void> {
    const isLinearizable = this.#chance() < 0.5;
    const consistency = isLinearizable ? "&consistency=linearizable" : "";
    const minZxid = isLinearizable ? 0 : this.#asker.seenZxid;
    const target = `/v1/children${pairParent}?include=stat,data${consistency}`;
    const told = await this.#asker.ask("GET", target, {}, minZxid);
    if (told.kind !== "done") return;
    for (const { path, data = "", stat } of told.body.znodes as readonly ZnodeBody[])
      this.#noteRead(told, minZxid, { path, isLinearizable, value: data, ...stat });
  }

  #noteRead(
    told: Extract<Told, { kind: "done" }>,
    minZxid: number,
    read: Pick<Read, "path" | "isLinearizable" | "value" | "mzxid" | "version">,
  ): void {
    const { beganMs, endedMs, zxid } = told;
    const { path, isLinearizable, value, mzxid, version } = read;
    this.#journal.reads.push({
      ...{ beganMs, endedMs, zxid, minZxid, server: -1 },
      ...{ path, isLinearizable, value, mzxid, version },
    });
  }
}
