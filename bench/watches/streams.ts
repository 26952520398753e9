// Many streams of one server, opened together and heard together. They live in one process, so that whoever sends a
// change and whoever waits for the last to hear of it read the same clock.

import { type Frame, type StreamListener, type StreamTarget, WatchSocket } from "./socket.ts";

export interface StreamsToOpen extends Pick<StreamTarget, "lastEventId" | "headers"> {
  readonly baseUrl: string;
  readonly count: number;
  /** What they watch; with `eachOwn` each a path of its own below it. */
  readonly path: string;
  readonly eachOwn?: boolean;
  /** Further parameters, such as `&scope=subtree`. */
  readonly parameters?: string;
  /** Connections on their way at once; a few unless given. */
  readonly atOnce?: number;
}

const atOnceDefault = 100;

export class WatchStreams {
  readonly #sockets: WatchSocket[] = [];
  #onChange: (frame: Frame) => void = () => {};
  #onLost: (error: Error) => void = () => {};
  #lastId = 0;
  #error: Error | null = null;

  get count(): number {
    return this.#sockets.length;
  }

  /** The resume point of the stream that was synced last. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Called for each change on each stream. A stream lost meanwhile, or before, fails what is waited for. */
  listen(onChange: (frame: Frame) => void, onLost: (error: Error) => void): void {
    this.#onChange = onChange;
    this.#onLost = onLost;
    if (this.#error !== null) onLost(this.#error);
  }

  /** Resolves when every one is synced. */
  open(request: StreamsToOpen): Promise<void> {
    const port = Number(new URL(request.baseUrl).port);
    const { count, lastEventId, headers, atOnce = atOnceDefault } = request;
    const shared = {
      port,
      ...(lastEventId !== undefined && { lastEventId }),
      ...(headers !== undefined && { headers }),
    };
    let opened = 0;
    let synced = 0;
    return new Promise((resolve, reject) => {
      const openNext = () => {
        const target = targetOf(request, opened);
        opened += 1;
        const onSynced = () => {
          synced += 1;
          if (opened < count) openNext();
          else if (synced === count) resolve();
        };
        this.#sockets.push(new WatchSocket({ ...shared, target }, this.#listener(onSynced, reject)));
      };
      while (opened < Math.min(count, atOnce)) openNext();
    });
  }

  #listener(onSynced: () => void, reject: (error: Error) => void): StreamListener {
    return {
      synced: (frame) => {
        this.#lastId = idOf(frame);
        onSynced();
      },
      change: (frame) => this.#onChange(frame),
      lost: (error) => {
        this.#error = error;
        reject(error);
        this.#onLost(error);
      },
    };
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#error = null;
  }
}

export function targetOf({ path, eachOwn = false, parameters = "" }: StreamsToOpen, index: number): string {
  return `/v1/watch?path=${path}${eachOwn ? `/s${index}` : ""}${parameters}`;
}

function idOf({ bytes, start, end }: Frame): number {
  return Number(/id: (\d+)/.exec(bytes.toString("latin1", start, end))?.[1]);
}
