// All that is asked while a nemesis goes about: clients of plain znodes, of sessions, of locks and of streams, at any server.
// It ends when everybody has come to an end and every server has told what happened, and hands over what is to be judged.

import { Http, zxidIn } from "../../support/http.ts";
import { makeDataDir, removeDataDir } from "../../support/process.ts";
import { random } from "../../support/random.ts";
import { wallOffsetMs } from "../../trials/history.ts";
import { Asker } from "./asking.ts";
import { Contention } from "./contention.ts";
import { HoppingStream } from "./hopping-stream.ts";
import { Journal } from "./journal.ts";
import type { History, NemesisRecord } from "./record.ts";
import { initialPaths, RegisterClient, sequenceParent } from "./register-client.ts";
import { ephemeralParent, SessionClient } from "./session-client.ts";
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
}

export class Workload {
  readonly journal = new Journal();
  readonly contention: Contention;
  readonly #urls: readonly string[];
  readonly #folder: string;
  readonly #streams: readonly HoppingStream[];
  readonly #working: Promise<unknown>;
  readonly #streaming: Promise<unknown>;
  readonly #wallOffsetMs = wallOffsetMs();
  #isOver = false;
  #isTold = false;

  private constructor(options: WorkloadOptions, contention: Contention, folder: string) {
    const { urls, askedUrls = urls, streamUrls = urls, seed } = options;
    const { journal } = this;
    this.contention = contention;
    this.#urls = urls;
    this.#folder = folder;
    const isOver = () => this.#isOver;
    const chance = random(seed);
    const asker = (name: string) => new Asker(name, askedUrls, journal, chance);
    const registers = Array.from({ length: registerClients }, (_, index) =>
      new RegisterClient(asker(`r${index}`), journal, chance).run(isOver),
    );
    const kept = Array.from({ length: keptSessions }, (_, index) =>
      new SessionClient(asker(`k${index}`), journal).keep(isOver),
    );
    const left = new SessionClient(asker("l0"), journal).leave(isOver);
    this.#working = Promise.all([...registers, ...kept, left]);
    const parents = [null, sequenceParent, ephemeralParent];
    this.#streams = parents.map(
      (parent, index) =>
        new HoppingStream({ name: `stream ${index}`, urls: streamUrls, journal, chance, parent }),
    );
    this.#streaming = Promise.all(this.#streams.map((stream) => stream.run(() => this.#isTold)));
    // Looked at when it ends.
    this.#working.catch(() => {});
    this.#streaming.catch(() => {});
  }

  static async start(options: WorkloadOptions): Promise<Workload> {
    const { urls, contenderUrls = urls, lateUrl = urls[0] as string, lockTimeoutMs, seed } = options;
    const http = new Http(urls[0] as string);
    for (const path of initialPaths) {
      const answer = await http.post(`/v1/znodes${path}`);
      if (answer.status !== 201) throw new Error(`${path} could not be made: ${answer.text}`);
    }
    const folder = makeDataDir();
    const contention = await Contention.start({
      ...{ urls, contenderUrls, lateUrl, folder, seed },
      ...(lockTimeoutMs !== undefined && { timeoutMs: lockTimeoutMs }),
    });
    return new Workload(options, contention, folder);
  }

  /** Once nothing fails any more. */
  async end(): Promise<NemesisRecord> {
    this.#isOver = true;
    await this.#working;
    const trials = await this.contention.end();
    await this.#untilLeftAreGone();
    const zxid = await this.#sync();
    let histories: readonly History[] = [];
    await within("every server told what happened", async () => {
      histories = await Promise.all(this.#urls.map((url) => historyAt(url, zxid)));
      return true;
    });
    await within("the streams came to the end", () => this.#streams.every((stream) => stream.zxid >= zxid));
    this.#isTold = true;
    await this.#streaming;
    for (const stream of this.#streams) stream.endAt(zxid);
    removeDataDir(this.#folder);
    const { journal } = this;
    return { ...journal, trials, histories, wallOffsetMs: this.#wallOffsetMs };
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

/** All that it tells up to that zxid. */
async function historyAt(url: string, zxid: number): Promise<History> {
  const query = "path=/&scope=subtree&bookmarkMs=100";
  const stream = await new Http(url).stream("/v1/watch", { query, headers: { "last-event-id": "0" } });
  await stream.until(() => stream.lastZxid >= zxid);
  stream.close();
  if (stream.named("reset").length > 0) throw new Error(`${url} has forgotten what happened`);
  return stream.named("change").flatMap(({ id, text }) => (zxidIn(id ?? "0") <= zxid ? [text] : []));
}
