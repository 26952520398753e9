// A stream whose every event is the whole truth of its moment. A slow reader is sent the latest once it can take more, and
// nothing is kept for it: it misses nothing that still is so.

import type { Clock } from "../clock.ts";
import { heartbeatFrame } from "./frames.ts";
import { Outlet } from "./outlet.ts";
import type { Sink } from "./sink.ts";

/** Silence before something is said all the same. */
const heartbeatMs = 10_000;

export interface Latest {
  /** The same for as long as nothing has changed. */
  readonly text: string;
  readonly frame: () => Uint8Array;
}

/** What all streams of a server go by. */
export interface LatestSurroundings {
  readonly clock: Clock;
  /** Of the state that is told of. */
  readonly zxid: number;
  readonly suspension: { readonly isOn: boolean };
}

export interface LatestSource {
  /** What is so now; null when there is nothing to say of it. */
  readonly now: () => Latest | null;
  /** What is said into silence; a comment unless given. */
  readonly beat?: () => Uint8Array;
}

export class LatestStream {
  readonly #outlet: Outlet;
  readonly #surroundings: LatestSurroundings;
  readonly #source: LatestSource;
  readonly #onClosed: (stream: LatestStream) => void;
  #cancelHeartbeat = () => {};
  #lastText: string | null = null;
  #isClosed = false;

  constructor(
    sink: Sink,
    surroundings: LatestSurroundings,
    source: LatestSource,
    onClosed: (stream: LatestStream) => void,
  ) {
    this.#outlet = new Outlet(sink, surroundings.clock);
    this.#surroundings = surroundings;
    this.#source = source;
    this.#onClosed = onClosed;
    this.#beatLater();
  }

  /** Sends what is so now, unless it is what was sent last, or the reader is still busy with that. */
  tell(): void {
    if (this.#isClosed || !this.#outlet.isFlowing) return;
    this.#outlet.tellReach(this.#surroundings.suspension.isOn, this.#surroundings.zxid);
    const now = this.#source.now();
    if (now === null || now.text === this.#lastText) return;
    this.#lastText = now.text;
    this.#outlet.write(now.frame());
  }

  drained(): void {
    this.#outlet.drained();
    this.tell();
  }

  /** The reader is gone, or was told the last there is. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelHeartbeat();
    this.#onClosed(this);
  }

  /** The last there is to tell, also to a reader that is behind. */
  finish(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#outlet.write(frame);
    this.#outlet.end();
    this.closed();
  }

  bye(reason: string): void {
    if (this.#isClosed) return;
    this.#outlet.bye(reason);
    this.closed();
  }

  #beatLater(): void {
    const { clock } = this.#surroundings;
    const silentMs = clock.monotonicMs() - this.#outlet.lastSentMs;
    // A reader that is behind is looked at again no earlier than any other.
    const afterMs = silentMs < heartbeatMs ? heartbeatMs - silentMs : heartbeatMs;
    this.#cancelHeartbeat = clock.setTimer(afterMs, () => {
      this.#outlet.beat(clock.monotonicMs(), heartbeatMs, this.#beat());
      this.#beatLater();
    });
  }

  /** Nobody can say that something still is so while the log is out of reach. */
  #beat(): Uint8Array {
    return this.#surroundings.suspension.isOn ? heartbeatFrame : (this.#source.beat?.() ?? heartbeatFrame);
  }
}
