// Who holds, as Server-Sent Events: what it is now, and then what it became, whenever it changed. Each event is the
// whole truth as of its zxid, so a slow reader is sent the latest and misses nothing that still is so.

import type { FastifyReply } from "fastify";
import type { Clock } from "../../clock.ts";
import type { Coordination } from "../../coordination/coordination.ts";
import type { Store } from "../../store/store.ts";
import { heartbeatFrame } from "../../told/frames.ts";
import { countWait } from "../http/connection-share.ts";
import { beginEventStream, connectReader } from "../http/sse.ts";

const heartbeatMs = 10_000;

interface HolderEvents {
  readonly event: string;
  /** Of the lock or election. */
  readonly path: string;
  /** What is told, without the zxid. */
  readonly view: () => object;
}

/** What all streams of one path are told. */
interface Told {
  /** As of this zxid. */
  zxid: number;
  /** The same object for as long as nothing has changed. */
  text: string;
  /** Made when first sent. */
  frame: Uint8Array | null;
  streamCount: number;
}

/** The open streams of one kind of resource, so that a planned stop says goodbye on each. */
export class HolderStreams {
  readonly #store: Store;
  readonly #coordination: Coordination;
  readonly #open = new Set<HolderStream>();
  /** By path. Put into words once for all who listen: there may be many of them, and many holders. */
  readonly #told = new Map<string, Told>();

  constructor({ store, coordination }: { store: Store; coordination: Coordination }) {
    this.#store = store;
    this.#coordination = coordination;
  }

  /** @throws KeeperError `throttled` when there are too many */
  begin(reply: FastifyReply, events: HolderEvents): void {
    countWait(reply);
    const { path } = events;
    const stop = this.#coordination.observe(path, () => stream.told());
    const sink = beginEventStream(reply, { Zxid: String(this.#store.zxid) });
    const told = this.#told.get(path) ?? { zxid: -1, text: "", frame: null, streamCount: 0 };
    this.#told.set(path, told);
    told.streamCount += 1;
    const stream = new HolderStream(
      sink,
      () => this.#now(told, events),
      this.#store.clock,
      () => {
        stop();
        if (!this.#open.delete(stream)) return;
        told.streamCount -= 1;
        if (told.streamCount === 0) this.#told.delete(path);
      },
    );
    this.#open.add(stream);
    connectReader(reply.raw, sink, stream);
    stream.told();
  }

  #now(told: Told, { event, view }: HolderEvents): SharedFrame {
    const { zxid } = this.#store;
    if (told.zxid !== zxid) {
      const text = JSON.stringify(view()).slice(1);
      if (text !== told.text) told.text = text;
      told.zxid = zxid;
      told.frame = null;
    }
    const { text } = told;
    const frame = () => {
      told.frame ??= Buffer.from(`id: ${zxid}\nevent: ${event}\ndata: {"zxid":${zxid},${text}\n\n`);
      return told.frame;
    };
    return { text, frame };
  }

  close(): void {
    for (const stream of [...this.#open]) stream.bye();
  }
}

interface SharedFrame {
  readonly text: string;
  readonly frame: () => Uint8Array;
}

type EventSink = ReturnType<typeof beginEventStream>;

class HolderStream {
  readonly #sink: EventSink;
  readonly #now: () => SharedFrame;
  readonly #clock: Clock;
  readonly #onClosed: () => void;
  #cancelHeartbeat = () => {};
  #lastText = "";
  #isFlowing = true;

  constructor(sink: EventSink, now: () => SharedFrame, clock: Clock, onClosed: () => void) {
    this.#sink = sink;
    this.#now = now;
    this.#clock = clock;
    this.#onClosed = onClosed;
    this.#beatLater();
  }

  /** Sends what is so now, unless it is what was sent last, or the reader is still busy with that. */
  told(): void {
    if (!this.#isFlowing) return;
    const { text, frame } = this.#now();
    if (text === this.#lastText) return;
    this.#lastText = text;
    this.#write(frame());
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
    this.#cancelHeartbeat = this.#clock.setTimer(heartbeatMs, () => {
      if (this.#isFlowing) this.#write(heartbeatFrame);
      this.#beatLater();
    });
  }

  #write(frame: Uint8Array): void {
    if (!this.#sink.write(frame)) this.#isFlowing = false;
  }
}
