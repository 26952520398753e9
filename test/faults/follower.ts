// One stream of the whole tree from its first transaction on, resumed where it was cut off by each kill. What it was
// told is the log that everything else is held against, so it must never be one whose history was forgotten.

import { type EventStream, Http } from "../support/http.ts";
import type { Message } from "../watches/promises.ts";
import { ToldLog } from "./told-log.ts";
import { toMessage } from "./watchers.ts";

export class Follower {
  readonly #told: Message[] = [];
  #stream: EventStream | null = null;

  /** @throws Error when the server does not take it up where it was */
  async follow(url: string): Promise<void> {
    const lastId = String(this.#told.findLast(({ id }) => id !== null)?.id ?? 0);
    const query = "path=/&scope=subtree&bookmarkMs=100";
    this.#stream = await new Http(url).stream("/v1/watch", { query, headers: { "last-event-id": lastId } });
    await this.#stream.untilEvent("synced");
  }

  async until(zxid: number): Promise<void> {
    await this.#open.until(() => this.#open.lastZxid >= zxid);
  }

  /** After a kill. */
  async collect(): Promise<void> {
    await this.#open.untilEnd();
    this.#told.push(...this.#open.events.map(toMessage));
    this.#stream = null;
  }

  close(): void {
    this.#stream?.close();
  }

  get #open(): EventStream {
    if (this.#stream === null) throw new Error("the follower follows no server");
    return this.#stream;
  }

  get messages(): readonly Message[] {
    return [...this.#told, ...(this.#stream?.events.map(toMessage) ?? [])];
  }

  get log(): ToldLog {
    return new ToldLog(this.messages);
  }
}
