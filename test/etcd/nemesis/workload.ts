// All that is asked while a nemesis goes about: clients of plain znodes, of sessions, of locks and of streams, at any server.
// It ends when everybody has come to an end and every server has told what happened, or it is cut off where the service is at
// its end, and hands over what is to be judged.

import { Http, zxidIn } from "../../support/http.ts";
import { makeDataDir, removeDataDir } from "../../support/process.ts";
import { random } from "../../support/random.ts";
import { monotonicMs } from "../../trials/evidence.ts";
import { wallOffsetMs } from "../../trials/history.ts";
import { Asker } from "./asking.ts";
import { clear, lastIdAt } from "./beginning.ts";
import { Contention, type Evident } from "./contention.ts";
import { HoppingStream } from "./hopping-stream.ts";
import { Journal } from "./journal.ts";
import type { History, Message, NemesisRecord, Write } from "./record.ts";
import { initialPaths, RegisterClient, sequenceParent } from "./register-client.ts";
import { ephemeralParent, SessionClient } from "./session-client.ts";
import { toldOfTrial } from "./trials-told.ts";
import { within } from "./within.ts";

const registerClients = 8;
const keptSessions = 2;

export interface WorkloadOptions {
  /** Of the servers. */
  readonly urls: readonly string[];
  readonly seed: number;
  /** Where clients ask, those of streams and those who contend, where something is between them and the servers. */
  readonly askedUrls?: readonly string[];
  readonly streamUrls?: readonly string[];
  readonly contenderUrls?: readonly string[];
  /** For what is asked after its time; a server that nothing befalls, or a way to one. */
  readonly lateUrl?: string;
  /** Of the sessions of those who contend; short unless it is given. */
  readonly lockTimeoutMs?: number;
  /** Of the sessions that are kept. */
  readonly keptTimeoutMs?: number;
  /** What each server tells is listened to all the time: it may not be asked any more when it is over. */
  readonly willBeCutOff?: boolean;
}

export class Workload {
  readonly journal = new Journal();
  readonly contention: Contention;
  readonly #urls: readonly string[];
  readonly #folder: string;
  /** The event that came before all that it asked for. */
  readonly fromId: string;
  readonly #streams: readonly HoppingStream[];
  /** Of each server, where it will be cut off. */
  readonly #listeners: readonly HoppingStream[];
  readonly #working: Promise<unknown>;
  readonly #streaming: Promise<unknown>;
  readonly #wallOffsetMs = wallOffsetMs();
  #isOver = false;
  #isTold = false;

  private constructor(options: WorkloadOptions, contention: Contention, folder: string, fromId: string) {
    const { urls, streamUrls = urls, seed, willBeCutOff = false } = options;
    this.contention = contention;
    this.#urls = urls;
    this.#folder = folder;
    this.fromId = fromId;
    const chance = random(seed);
    this.#working = this.#work(options, chance);
    const stream = (parent: string | null, index: number) =>
      new HoppingStream({ name: `stream ${index}`, urls: streamUrls, chance, parent, fromId });
    this.#streams = [null, sequenceParent, ephemeralParent].map(stream);
    this.journal.streams.push(...this.#streams.map(({ record }) => record));
    const listener = (url: string, index: number) =>
      new HoppingStream({
        ...{ name: `server ${index}`, urls: [url], chance, parent: null, fromId },
        stayMsMax: Number.POSITIVE_INFINITY,
      });
    this.#listeners = willBeCutOff ? urls.map(listener) : [];
    this.#streaming = Promise.all(
      [...this.#streams, ...this.#listeners].map((each) => each.run(() => this.#isTold)),
    );
    // Looked at when it ends.
    this.#working.catch(() => {});
    this.#streaming.catch(() => {});
  }

  #work(
    { urls, askedUrls = urls, seed, keptTimeoutMs }: WorkloadOptions,
    chance: () => number,
  ): Promise<unknown> {
    const { journal } = this;
    const isOver = () => this.#isOver;
    const asker = (name: string) => new Asker(name, askedUrls, journal, chance);
    const registers = Array.from({ length: registerClients }, (_, index) =>
      new RegisterClient(asker(`r${seed}-${index}`), journal, chance).run(isOver),
    );
    const kept = Array.from({ length: keptSessions }, (_, index) =>
      new SessionClient(asker(`k${seed}-${index}`), journal, keptTimeoutMs).keep(isOver),
    );
    const left = new SessionClient(asker(`l${seed}-0`), journal).leave(isOver);
    return Promise.all([...registers, ...kept, left]);
  }

  static async start(options: WorkloadOptions): Promise<Workload> {
    const { urls, contenderUrls = urls, lateUrl = urls[0] as string, lockTimeoutMs, seed } = options;
    const [url] = urls as [string, ...string[]];
    await clear(url);
    const fromId = await lastIdAt(url);
    const http = new Http(url);
    for (const path of initialPaths) {
      const answer = await http.post(`/v1/znodes${path}`);
      if (answer.status !== 201) throw new Error(`${path} could not be made: ${answer.text}`);
    }
    const folder = makeDataDir();
    const contention = await Contention.start({
      ...{ urls, contenderUrls, lateUrl, folder, seed },
      ...(lockTimeoutMs !== undefined && { timeoutMs: lockTimeoutMs }),
    });
    return new Workload(options, contention, folder, fromId);
  }

  /** Resolves when so many more writes were acknowledged that were asked for from now on. */
  async goesOn(count = 20): Promise<void> {
    const { writes } = this.journal;
    const [first, nowMs] = [writes.length, monotonicMs()];
    const isNew = ({ beganMs, outcome }: Write) => beganMs > nowMs && typeof outcome === "number";
    await within("writes went on", () => writes.slice(first).filter(isNew).length >= count);
  }

  /** What each server has said by now, and nothing is made good before it is over. */
  async outage<T>(isReadable: boolean, wait: () => Promise<T>): Promise<T> {
    const beganMs = monotonicMs();
    const value = await wait();
    this.journal.outages.push({ beganMs, endedMs: monotonicMs(), isReadable });
    return value;
  }

  /** Once nothing fails any more. */
  async end(): Promise<NemesisRecord> {
    this.#isOver = true;
    await this.#working;
    const evidence = await this.contention.end();
    await this.#untilLeftAreGone();
    const zxid = await this.#sync();
    let histories: readonly History[] = [];
    await within("every server told what happened", async () => {
      histories = await Promise.all(this.#urls.map((url) => historyAt(url, this.fromId, zxid)));
      return true;
    });
    await within("the streams came to the end", () => this.#streams.every((stream) => stream.zxid >= zxid));
    await this.#endStreams();
    for (const stream of this.#streams) stream.endAt(zxid);
    removeDataDir(this.#folder);
    return this.#recordOf(histories, evidence);
  }

  /**
   * Where the servers have ended, or are not asked any more. What contenders believe from then on is not looked at.
   * @param atMs since when nothing was in order
   */
  async cutOff(atMs = monotonicMs()): Promise<NemesisRecord> {
    this.#isOver = true;
    this.contention.drain();
    await this.#working;
    await this.#endStreams();
    const evidence = this.contention.evidence.map((each) => ({
      ...each,
      evidence: each.evidence.filter((told) => told.atMs < atMs),
    }));
    const histories = this.#listeners.map(({ record }) => record.texts);
    // Each has all that it was told itself: who was told most comes first.
    const longestFirst = histories.toSorted((one, other) => other.length - one.length);
    return { ...this.#recordOf(longestFirst, evidence), isCutOff: true };
  }

  /** After it was cut off: resolves when nobody asks for anything any more. */
  async gone(): Promise<void> {
    await this.contention.drained();
    removeDataDir(this.#folder);
  }

  async #endStreams(): Promise<void> {
    this.#isTold = true;
    await this.#streaming;
  }

  /** @throws Error when the clock was set meanwhile */
  #recordOf(histories: readonly History[], evidence: readonly Evident[]): NemesisRecord {
    const offsetMs = this.#wallOffsetMs;
    const driftMs = Math.abs(wallOffsetMs() - offsetMs);
    if (driftMs > 1)
      throw new Error(`The wall clock was set by ${driftMs} ms: the servers' times say nothing.`);
    const messages = (histories[0] ?? []).map((text) => JSON.parse(text) as Message);
    const trials = evidence.map((each) => ({ ...each, ...toldOfTrial(messages, each.trial, offsetMs) }));
    return { ...this.journal, trials, histories, wallOffsetMs: offsetMs, isCutOff: false };
  }

  async #untilLeftAreGone(): Promise<void> {
    const http = new Http(this.#urls[0] as string);
    const target = `/v1/children${ephemeralParent}?consistency=linearizable`;
    await within("sessions that nobody kept ended", async () => {
      const answer = await http.get(target);
      return answer.status === 200 && answer.json<{ children: readonly string[] }>().children.length === 0;
    });
  }

  async #sync(): Promise<number> {
    let zxid = 0;
    await within("a server answered", async () => {
      const answer = await new Http(this.#urls[0] as string).post("/v1/sync");
      if (answer.status === 200) zxid = answer.json<{ zxid: number }>().zxid;
      return zxid > 0;
    });
    return zxid;
  }
}

/** All that it tells after that event, up to that zxid. */
export async function historyAt(url: string, fromId: string, zxid: number): Promise<History> {
  const query = "path=/&scope=subtree&bookmarkMs=100";
  const stream = await new Http(url).stream("/v1/watch", { query, headers: { "last-event-id": fromId } });
  await stream.until(() => stream.lastZxid >= zxid);
  stream.close();
  const [reset] = stream.named("reset");
  if (reset !== undefined) throw new Error(`${url} has forgotten what happened: ${reset.text}`);
  return stream.named("change").flatMap(({ id, text }) => (zxidIn(id ?? "0") <= zxid ? [text] : []));
}
