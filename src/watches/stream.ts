// One open stream: a cursor, not a queue. While its reader keeps up it is told what happens as it happens;
// when its sink is full it is told nothing, and on drain it reads on from the history where it stopped. So a
// slow reader costs its sink's buffer and nobody waits for it.

import type { Clock } from "../clock.ts";
import type { Acl, Shown } from "../core/acl/acl.ts";
import { ListGate } from "../core/acl/list-gate.ts";
import type { ReadonlyEpochs, Stamp } from "../core/epochs.ts";
import { type ReadContext, type Reader, systemContext } from "../core/reader.ts";
import type { WatchEventType } from "../core/watch-event.ts";
import type { RightsInUse } from "../store/rights-in-use.ts";
import type { Suspension } from "../store/suspension.ts";
import type { MessageEvent } from "../told/change-message.ts";
import { bookmarkFrame, type Gap, resetFrame, syncedFrame } from "../told/frames.ts";
import { Outlet } from "../told/outlet.ts";
import type { Sink } from "../told/sink.ts";
import type { History } from "./history.ts";
import type { WatchLimits } from "./limits.ts";
import type { Scope } from "./matcher.ts";
import type { StreamSelection } from "./selection.ts";
import { Snapshot } from "./snapshot.ts";

/** Where a stream begins. `unknown` is a resume point that cannot be read: it is answered with a reset. */
export type StreamStart =
  | { readonly kind: "now"; readonly initial: boolean }
  | ({ readonly kind: "after" } & Stamp)
  | { readonly kind: "unknown" };

export interface StreamRequest {
  readonly selection: StreamSelection;
  readonly start: StreamStart;
  /** End after the first change. */
  readonly once: boolean;
  readonly bookmarkMs: number;
  readonly heartbeatMs: number;
  /** Whose stream it is, for its operator: the client's address. */
  readonly reader: string;
  /** Whose rights it goes on by: it ends with them. */
  readonly context: ReadContext;
  /** Whom the lists of znodes take its reader for; for nobody unless given. */
  readonly shown?: Partial<Shown>;
}

/** What befell all streams there ever were, since the start. */
interface StreamCounts {
  opened: number;
  /** Frames that moved a resume point: changes, bookmarks, ends of a snapshot. */
  frames: number;
  frameBytes: number;
  /** Streams that were told to begin anew: the history did not reach back, or theirs was of another past. */
  resetsTrimmed: number;
  resetsUnknown: number;
  /** How often a stream ceased to be told live, and had to read on from the history. */
  fellBehind: number;
}

/** What all streams of a server share. */
export interface StreamSource {
  readonly counts: StreamCounts;
  readonly store: {
    reader(context: ReadContext): Reader;
    readonly epochs: ReadonlyEpochs;
    readonly rightsInUse: RightsInUse;
    readonly suspension: Suspension;
  };
  readonly history: History;
  readonly clock: Clock;
  readonly limits: WatchLimits;
  /** From 0 up to 1. */
  readonly chance: () => number;
  /** Null when all that happened after it can be told. */
  readonly gapAfter: (stamp: Stamp) => Gap | null;
  readonly onEnded: (stream: Stream) => void;
}

/** A stream as its operator sees it. */
export interface StreamDescription {
  readonly id: number;
  /** Whose stream it is, as far as its opener knows: the client's address. */
  readonly reader: string;
  /** Who they are, where that is asked. */
  readonly by: string | null;
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: readonly WatchEventType[];
  /** `snapshot` while the current state is sent, `catching_up` behind the history, `live` otherwise. */
  readonly state: "snapshot" | "catching_up" | "live";
  readonly openForMs: number;
  /** Everything up to here was handed to the connection. */
  readonly zxid: number;
  /** Transactions it is behind, whether they match or not. */
  readonly lagZxids: number;
  /** Bytes handed over that its client has not taken. */
  readonly bufferedBytes: number;
}

/** Messages a stream looks at before others get a turn, and their characters: one may be of thousands of changes. */
const messagesPerTurn = 1000;
const lengthPerTurn = 1_048_576;

/** The part of the lifetime that chance decides, so that streams opened together do not end together. */
const lifetimeJitter = 0.2;

export class Stream {
  readonly id: number;
  readonly request: StreamRequest;
  readonly #source: StreamSource;
  readonly #outlet: Outlet;
  readonly #lists: ListGate;
  /** Everything that matches up to here was sent. While live, so was everything that happened since. */
  #position = 0;
  #isLive = false;
  #isEnded = false;
  /** Whether `synced` is still to be sent, when the stream is live. */
  #owesSynced = true;
  #snapshot: Snapshot | null = null;
  readonly #openedMs: number;
  readonly #endsAtMs: number;
  /** When the client's resume point last moved. */
  #lastIdMs = 0;
  #stopFollowing = () => {};

  constructor(id: number, request: StreamRequest, sink: Sink, source: StreamSource) {
    this.id = id;
    this.request = request;
    this.#outlet = new Outlet(sink, source.clock);
    this.#source = source;
    this.#lists = new ListGate(request.context.permits, request.shown);
    this.#openedMs = source.clock.monotonicMs();
    const lifetimeMs = source.limits.streamLifetimeMsMax * (1 - lifetimeJitter * source.chance());
    this.#endsAtMs = this.#openedMs + lifetimeMs;
  }

  /** Transactions it is behind; 0 while it is told what happens as it happens. */
  get lagZxids(): number {
    return this.#isLive ? 0 : this.#source.history.zxid - this.#position;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Bytes handed over that its client has not taken. */
  get bufferedBytes(): number {
    return this.#outlet.bufferedBytes;
  }

  /** Sends as much of what is due as the sink takes. */
  begin(): void {
    const { start, context } = this.request;
    const { history, store } = this.#source;
    const stopHeedingRights = store.rightsInUse.follow(context, () => this.end("unauthorised"));
    const stopHeedingReach = store.suspension.follow(() => this.#tellReach());
    this.#stopFollowing = () => {
      stopHeedingRights();
      stopHeedingReach();
    };
    this.#lastIdMs = this.#outlet.lastSentMs;
    if (start.kind === "unknown") this.#reset("unknown_zxid");
    else if (start.kind === "after") this.#resumeAfter(start);
    else if (start.initial) this.#snapshot = this.#takeSnapshot();
    else this.#position = history.zxid;
    this.#catchUp();
  }

  /** Its reader hears of it before anything that was heard of since. */
  #tellReach(): void {
    const { store, history, limits } = this.#source;
    const { isFlowing, bufferedBytes } = this.#outlet;
    if (this.#isEnded || (!isFlowing && bufferedBytes >= limits.bufferBytesMax)) return;
    this.#outlet.tellReach(store.suspension.isOn, history.zxid);
  }

  #resumeAfter(stamp: Stamp): void {
    const gap = this.#source.gapAfter(stamp);
    if (gap === null) this.#position = stamp.zxid;
    else this.#reset(gap);
  }

  /** Whether the list lets its reader be told of a znode that has it. */
  mayReadBy(acl: Acl): boolean {
    return this.#lists.mayReadBy(acl);
  }

  #isTold = ({ acl }: MessageEvent): boolean =>
    acl === undefined || !this.request.selection.heedsLists || this.#lists.mayReadBy(acl);

  /** A transaction that matches, in zxid order; those before it that match were heard before. */
  hear(zxid: number, frame: Uint8Array): void {
    if (!this.#isLive || zxid <= this.#position) return;
    if (!this.#outlet.isFlowing && this.#outlet.bufferedBytes >= this.#source.limits.bufferBytesMax) {
      this.fallBehind(zxid);
      return;
    }
    this.#tellReach();
    this.#sendChange(zxid, frame);
  }

  /** It is not told of this transaction, and has to read it from the history. Says whether it was live. */
  fallBehind(zxid: number): boolean {
    if (!this.#isLive || zxid <= this.#position) return false;
    this.#isLive = false;
    this.#position = zxid - 1;
    this.#source.counts.fellBehind += 1;
    return true;
  }

  /** Reads on from the history. */
  goOn(): void {
    this.#catchUp();
  }

  /** The sink can take more. */
  drained(): void {
    this.#outlet.drained();
    this.#catchUp();
  }

  /** Keeps a quiet connection alive (`heartbeatMs`) and its resume point fresh (`bookmarkMs`). */
  tick(nowMs: number): void {
    if (nowMs >= this.#endsAtMs) {
      this.#endOfLife();
      return;
    }
    if (!this.#outlet.isFlowing) return;
    const { bookmarkMs, heartbeatMs } = this.request;
    if (this.#isLive && nowMs - this.#lastIdMs >= bookmarkMs) {
      const { zxid } = this.#source.history;
      this.#moveResumePoint(zxid, bookmarkFrame(this.#idOf(zxid), zxid));
    } else {
      this.#outlet.beat(nowMs, heartbeatMs);
    }
  }

  /** A client that does not even read what it was sent would not read a goodbye. */
  #endOfLife(): void {
    if (this.#outlet.isFlowing) {
      this.end("lifetime");
      return;
    }
    this.#abort();
  }

  #abort(): void {
    this.#outlet.abort();
    this.closed();
  }

  describe(): StreamDescription {
    const { selection } = this.request;
    const zxid = this.#isLive ? this.#source.history.zxid : this.#position;
    return {
      id: this.id,
      reader: this.request.reader,
      by: this.request.context.permits.by,
      paths: selection.paths,
      scope: selection.scope,
      types: [...selection.types],
      state: this.#snapshot !== null ? "snapshot" : this.#isLive ? "live" : "catching_up",
      openForMs: Math.round(this.#source.clock.monotonicMs() - this.#openedMs),
      zxid,
      lagZxids: this.#source.history.zxid - zxid,
      bufferedBytes: this.#outlet.bufferedBytes,
    };
  }

  /** Ends the stream on purpose, saying why. */
  end(reason: string): void {
    if (this.#isEnded) return;
    this.#outlet.bye(reason);
    this.closed();
  }

  /** The reader is gone, or was sent all it asked for. */
  closed(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isLive = false;
    this.#stopFollowing();
    this.#endSnapshot();
    this.#source.onEnded(this);
  }

  #finish(): void {
    this.#outlet.end();
    this.closed();
  }

  #catchUp(): void {
    this.#tellReach();
    while (!this.#isLive && this.#outlet.isFlowing && !this.#isEnded) {
      const goesOn = this.#snapshot === null ? this.#readHistory() : this.#sendPage(this.#snapshot);
      if (!goesOn) {
        setImmediate(() => this.#catchUp());
        return;
      }
    }
  }

  /** Sends what comes next of it. False when its turn is over. */
  #sendPage(snapshot: Snapshot): boolean {
    if (snapshot.isOverrun) {
      this.#abort();
      return true;
    }
    const page = snapshot.nextPage();
    if (page === "looking") return false;
    if (page !== null) {
      this.#outlet.write(page);
      return true;
    }
    this.#endSnapshot();
    this.#sendSynced(snapshot.zxid);
    return true;
  }

  #endSnapshot(): void {
    this.#snapshot?.end();
    this.#snapshot = null;
  }

  #sendSynced(zxid: number): void {
    this.#owesSynced = false;
    this.#moveResumePoint(zxid, syncedFrame(this.#idOf(zxid), zxid));
  }

  #idOf(zxid: number): string {
    return this.#source.store.epochs.stampOf(zxid);
  }

  /** Sends what matches after the position; goes live when there is no more. False when its turn is over. */
  #readHistory(): boolean {
    const { history } = this.#source;
    if (this.#position < history.floorZxid) {
      this.#reset("history_trimmed");
      return true;
    }
    let [messagesLeft, lengthLeft] = [messagesPerTurn, lengthPerTurn];
    for (const message of history.after(this.#position)) {
      if (messagesLeft === 0 || lengthLeft <= 0) return false;
      messagesLeft -= 1;
      lengthLeft -= message.text.length;
      const frame = this.request.selection.replayFrame(message, this.#idOf(message.zxid), this.#isTold);
      if (frame === null) this.#position = message.zxid;
      else this.#sendChange(message.zxid, frame);
      if (!this.#outlet.isFlowing || this.#isEnded) return true;
    }
    this.#position = Math.max(this.#position, history.zxid);
    this.#isLive = true;
    if (this.#owesSynced) this.#sendSynced(this.#position);
    return true;
  }

  /** The way back is gone: the client starts over from what is there now. */
  #reset(reason: Gap): void {
    const { counts } = this.#source;
    if (reason === "history_trimmed") counts.resetsTrimmed += 1;
    else counts.resetsUnknown += 1;
    this.#snapshot = this.#takeSnapshot();
    this.#outlet.write(resetFrame(reason, this.#snapshot.zxid));
  }

  #takeSnapshot(): Snapshot {
    const { store, limits } = this.#source;
    const { selection } = this.request;
    return new Snapshot(store.reader(systemContext), { selection, lists: this.#lists, limits });
  }

  #sendChange(zxid: number, frame: Uint8Array): void {
    this.#moveResumePoint(zxid, frame);
    if (this.request.once) this.#finish();
  }

  #moveResumePoint(zxid: number, frame: Uint8Array): void {
    this.#position = zxid;
    const { counts } = this.#source;
    counts.frames += 1;
    counts.frameBytes += frame.byteLength;
    this.#outlet.write(frame);
    this.#lastIdMs = this.#outlet.lastSentMs;
  }
}
