// Who holds, as Server-Sent Events: what it is now, and then what it became, whenever it changed. Each event is the
// whole truth as of its zxid, so a slow reader is sent the latest and misses nothing that still is so.

import type { FastifyReply } from "fastify";
import type { Coordination } from "../coordination/coordination.ts";
import type { Store } from "../store/store.ts";
import { beginEventStream, connectReader } from "./sse.ts";

const heartbeatMs = 10_000;
const heartbeat = Buffer.from(": hb\n\n");

interface HolderEvents {
  readonly event: string;
  /** Of the lock or election. */
  readonly path: string;
  /** What is told, without the zxid. */
  readonly view: () => object;
}

/** The open streams of one resource, so that a planned stop says goodbye on each. */
export class HolderStreams {
  readonly #store: Store;
  readonly #coordination: Coordination;
  readonly #open = new Set<HolderStream>();

  constructor({ store, coordination }: { store: Store; coordination: Coordination }) {
    this.#store = store;
    this.#coordination = coordination;
  }

  /** @throws KeeperError `throttled` when there are too many */
  begin(reply: FastifyReply, events: HolderEvents): void {
    const stop = this.#coordination.observe(events.path, () => stream.told());
    const sink = beginEventStream(reply, { Zxid: String(this.#store.zxid) });
    const stream = new HolderStream(sink, events, this.#store, () => {
      stop();
      this.#open.delete(stream);
    });
    this.#open.add(stream);
    connectReader(reply.raw, sink, stream);
    stream.told();
  }

  close(): void {
    for (const stream of [...this.#open]) stream.bye();
  }
}

type EventSink = ReturnType<typeof beginEventStream>;

class HolderStream {
  readonly #sink: EventSink;
  readonly #events: HolderEvents;
  readonly #store: Store;
  readonly #onClosed: () => void;
  #cancelHeartbeat = () => {};
  #lastText = "";
  #isFlowing = true;

  constructor(sink: EventSink, events: HolderEvents, store: Store, onClosed: () => void) {
    this.#sink = sink;
    this.#events = events;
    this.#store = store;
    this.#onClosed = onClosed;
    this.#beatLater();
  }

  /** Sends what is so now, unless it is what was sent last, or the reader is still busy with that. */
  told(): void {
    if (!this.#isFlowing) return;
    const text = JSON.stringify(this.#events.view()).slice(1);
    if (text === this.#lastText) return;
    this.#lastText = text;
    const { zxid } = this.#store;
    this.#write(Buffer.from(`id: ${zxid}\nevent: ${this.#events.event}\ndata: {"zxid":${zxid},${text}\n\n`));
  }

  drained(): void {
    this.#isFlowing = true;
    this.told();
  }

  closed(): void {
    this.#cancelHeartbeat();
    this.#onClosed();
  }

  bye(): void {
    this.#write(Buffer.from('event: bye\ndata: {"reason":"shutdown"}\n\n'));
    this.#sink.end();
    this.closed();
  }

  #beatLater(): void {
    this.#cancelHeartbeat = this.#store.clock.setTimer(heartbeatMs, () => {
      if (this.#isFlowing) this.#write(heartbeat);
      this.#beatLater();
    });
  }

  #write(frame: Uint8Array): void {
    if (!this.#sink.write(frame)) this.#isFlowing = false;
  }
}
