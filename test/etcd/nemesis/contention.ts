// Locks that contenders want who ask one server each, those of test/trials: they believe until they are told otherwise, and
// write too late on purpose.

import { join } from "node:path";
import { Client } from "../../../src/client/index.ts";
import { Http } from "../../support/http.ts";
import { Contender, workPathOf } from "../../trials/contender.ts";
import { EvidenceFile, readEvidence } from "../../trials/evidence.ts";
import type { TrialRecord } from "../../trials/judge.ts";
import { within } from "./within.ts";

/** So short that a second of harm is the end of a session. */
const timeoutMsUsual = 700;
/** One for each lock, by the delay after the expiry of a holder. */
export const trials = [0, 200].map((lockDelayMs, index) => ({ trial: `nemesis-${index}`, lockDelayMs }));

/** What contenders for one lock said of themselves. */
export type Evident = Pick<TrialRecord, "trial" | "lockDelayMs" | "evidence">;

interface Held {
  readonly server: number;
  readonly isLong: boolean;
}

export interface ContentionOptions {
  readonly urls: readonly string[];
  /** Where each of them asks; those of the servers unless there is something between. */
  readonly contenderUrls: readonly string[];
  /** For writes that come too late. */
  readonly lateUrl: string;
  /** Of the sessions of those who contend. */
  readonly timeoutMs?: number;
  readonly folder: string;
  readonly seed: number;
}

export class Contention {
  readonly #client: Client;
  readonly #folder: string;
  readonly #contenders: Contender[] = [];
  readonly #held = new Map<string, Held>();

  private constructor(client: Client, folder: string) {
    this.#client = client;
    this.#folder = folder;
  }

  static async start(options: ContentionOptions): Promise<Contention> {
    const { urls, contenderUrls, lateUrl, timeoutMs = timeoutMsUsual, folder, seed } = options;
    const endpoint = urls as [string, ...string[]];
    const client = new Client({ endpoint, attemptsMax: 100, requestTimeoutMs: 2000 });
    await client.create("/work");
    const contention = new Contention(client, folder);
    for (const { trial, lockDelayMs } of trials) {
      await client.create(workPathOf(trial));
      const set = await new Http(urls[0] as string).put(`/v1/locks/${trial}`, { json: { lockDelayMs } });
      if (set.status !== 200) throw new Error(`the delay of a lock was refused: ${set.text}`);
      for (const [server, url] of contenderUrls.entries()) {
        const who = `contender-${server}`;
        // Some believe to the last moment.
        const expiringShare = server % 2 === 0 ? 0 : undefined;
        const asked = { trial, who, kind: "lock", endpoint: url, safeEndpoint: lateUrl } as const;
        contention.#contenders.push(
          new Contender(
            { ...asked, timeoutMs, expiringShare, seed: seed + contention.#contenders.length },
            new EvidenceFile(contention.#fileOf(trial)),
            (isLong) => contention.#held.set(trial, { server, isLong }),
          ),
        );
      }
    }
    return contention;
  }

  #fileOf(trial: string): string {
    return join(this.#folder, `${trial}.ndjson`);
  }

  /** The servers that somebody asks who may hold a lock now, and means to keep it. */
  get holdersServers(): readonly number[] {
    return [...this.#held.values()].filter(({ isLong }) => isLong).map(({ server }) => server);
  }

  /** They let go of everything, and go. */
  async end(): Promise<readonly Evident[]> {
    this.drain();
    await this.drained();
    // The sessions of some may have been lost on the way, and end by themselves.
    await within("no claim was left", async () => (await claimsOf(this.#client)).length === 0);
    return this.evidence;
  }

  /** They begin nothing any more. */
  drain(): void {
    for (const contender of this.#contenders) contender.drain();
  }

  /** Resolves when all of them have let go and gone. */
  async drained(): Promise<void> {
    await Promise.all(this.#contenders.map(({ drained }) => drained));
    await Promise.all(this.#contenders.map((contender) => contender.leave()));
  }

  /** What they said so far. */
  get evidence(): readonly Evident[] {
    return trials.map((trial) => {
      const evidence = readEvidence(this.#fileOf(trial.trial));
      return { ...trial, evidence: evidence.toSorted((one, other) => one.atMs - other.atMs) };
    });
  }
}

async function claimsOf(client: Client): Promise<readonly string[]> {
  const queues = trials.map(({ trial }) => client.childrenPage(`/locks/${trial}`));
  return (await Promise.all(queues)).flatMap(({ children }) => children);
}
