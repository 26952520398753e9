// Who hears what: the open streams, found by path, told of each transaction once it is durable and done
// (W23). A message is put into bytes once for all who select the same of it. Telling never waits for a
// reader.

import type { Acl, Shown } from "../core/acl/acl.ts";
import { type Stamp, stampText } from "../core/epochs.ts";
import { KeeperError } from "../core/errors.ts";
import type { ReadContext } from "../core/reader.ts";
import type { Applied } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import type { ChangeRow } from "../store/tables.ts";
import type { ChangeMessage, MessageEvent } from "../told/change-message.ts";
import { type Gap, MessageFrames } from "../told/frames.ts";
import type { Sink } from "../told/sink.ts";
import { FirstChange } from "./first-change.ts";
import { History } from "./history.ts";
import type { WatchLimits } from "./limits.ts";
import { Matcher } from "./matcher.ts";
import type { Selection, StreamSelection } from "./selection.ts";
import {
  Stream,
  type StreamDescription,
  type StreamRequest,
  type StreamSource,
  type StreamStart,
} from "./stream.ts";

export interface WatchesParts {
  /** Not started yet: what it replays belongs to the history. */
  readonly store: Store;
  /** The history as it was saved. */
  readonly saved: { readonly rows: readonly ChangeRow[]; readonly floorZxid: number };
  readonly limits: WatchLimits;
  /** From 0 up to 1. */
  readonly chance: () => number;
}

/** The streams with one selection: what one of them is told, all are. */
interface Audience {
  readonly selection: StreamSelection;
  readonly streams: Set<Stream>;
}

/** The open streams. Totals count since the start. */
export interface WatchesStats {
  readonly streams: number;
  readonly streamsMax: number;
  /** Those that are not told live: they are sent a snapshot, or read on from the history. */
  readonly streamsBehind: number;
  /** Different selections that streams have: what one of a selection is told, all are. */
  readonly audiences: number;
  /** Transactions that the last of them is behind, whether they match or not. */
  readonly lagZxidsMax: number;
  /** Bytes handed over that clients have not taken. */
  readonly bufferedBytes: number;
  readonly openedTotal: number;
  readonly framesTotal: number;
  readonly frameBytesTotal: number;
  /** Streams that were told to begin anew, since the history did not reach back, and since theirs is of another past. */
  readonly resetsTrimmedTotal: number;
  readonly resetsUnknownTotal: number;
  readonly fellBehindTotal: number;
}

/** Events of one transaction that are told to all its audiences in one go, each counted for each of them. */
const heardAtOnceMax = 100_000;

/** How often streams are asked whether a heartbeat or bookmark is due: neither is later than this. */
const tickMs = 100;

export class Watches {
  readonly history: History;
  readonly #store: Store;
  readonly #source: StreamSource;
  /** In order of their ids, which is the order they were opened in. */
  readonly #streams = new Map<number, Stream>();
  #lastStreamId = 0;
  readonly #audiences = new Map<string, Audience>();
  readonly #matcher = new Matcher<Audience>();
  readonly #unsubscribe: () => void;
  /** Streams that fell behind and wait for their turn to read on. */
  readonly #behind: Stream[] = [];
  #isTurnScheduled = false;
  #cancelTick: (() => void) | null = null;
  #isClosed = false;

  constructor({ store, saved, limits, chance }: WatchesParts) {
    this.#store = store;
    this.history = new History(limits.history, { ...saved, zxid: store.zxid });
    this.#source = {
      counts: { opened: 0, frames: 0, frameBytes: 0, resetsTrimmed: 0, resetsUnknown: 0, fellBehind: 0 },
      store,
      history: this.history,
      clock: store.clock,
      limits,
      chance,
      gapAfter: (stamp) => this.gapAfter(stamp),
      onEnded: (stream) => this.#remove(stream),
    };
    this.#trimHistory();
    this.#unsubscribe = store.onApplied((applied) => this.#tell(applied));
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** It looks at each stream once, of which there are no more than `streamsMax`. */
  stats(): WatchesStats {
    let [streamsBehind, lagZxidsMax, bufferedBytes] = [0, 0, 0];
    for (const stream of this.#streams.values()) {
      if (!stream.isLive) streamsBehind += 1;
      lagZxidsMax = Math.max(lagZxidsMax, stream.lagZxids);
      bufferedBytes += stream.bufferedBytes;
    }
    const { counts, limits } = this.#source;
    return {
      ...{ streams: this.#streams.size, streamsMax: limits.streamsMax, streamsBehind },
      ...{ audiences: this.#audiences.size, lagZxidsMax, bufferedBytes, openedTotal: counts.opened },
      ...{ framesTotal: counts.frames, frameBytesTotal: counts.frameBytes },
      ...{ resetsTrimmedTotal: counts.resetsTrimmed, resetsUnknownTotal: counts.resetsUnknown },
      fellBehindTotal: counts.fellBehind,
    };
  }

  /** Null when all that happened after it can be told. Who has seen what never happened here is told everything anew. */
  gapAfter(stamp: Stamp): Gap | null {
    const gap = this.#store.epochs.has(stamp) ? this.history.gapAfter(stamp.zxid) : "unknown_zxid";
    if (gap === "unknown_zxid") this.#store.unknownPasts.note(stampText(stamp));
    return gap;
  }

  /**
   * Opens a stream; its owner tells it when the sink drains and when the reader is gone.
   * @throws KeeperError `throttled` when there are too many, `stopping` when they are being closed
   */
  open(request: StreamRequest, sink: Sink): Stream {
    this.assertOpens();
    this.#lastStreamId += 1;
    this.#source.counts.opened += 1;
    // Streams that watch the same share one selection: there may be very many of them.
    const selection = this.#audiences.get(request.selection.key)?.selection ?? request.selection;
    const stream = new Stream(this.#lastStreamId, { ...request, selection }, sink, this.#source);
    this.#add(stream);
    stream.begin();
    return stream;
  }

  /** @throws KeeperError what `open` would throw: for who must know before the first byte. */
  assertOpens(): void {
    if (this.#isClosed)
      throw new KeeperError("stopping", "The server is shutting down; watch again shortly.");
    const { streamsMax } = this.#source.limits;
    if (this.#streams.size < streamsMax) return;
    throw new KeeperError("throttled", `The server has ${streamsMax} open watches and takes no more now.`, {
      limit: "streamsMax",
      limitValue: streamsMax,
      retryAfterSeconds: 5,
    });
  }

  #add(stream: Stream): void {
    const { selection } = stream.request;
    this.#streams.set(stream.id, stream);
    const audience = this.#audiences.get(selection.key);
    if (audience === undefined) this.#addAudience({ selection, streams: new Set([stream]) });
    else audience.streams.add(stream);
    if (this.#cancelTick === null) this.#scheduleTick();
  }

  #addAudience(audience: Audience): void {
    const { key, paths, scope } = audience.selection;
    this.#audiences.set(key, audience);
    for (const path of paths) this.#matcher.add(path, scope, audience);
  }

  /** Nothing of a stream stays behind (W24). */
  #remove(stream: Stream): void {
    const { key } = stream.request.selection;
    this.#streams.delete(stream.id);
    const audience = this.#audiences.get(key) as Audience;
    audience.streams.delete(stream);
    if (audience.streams.size === 0) this.#removeAudience(audience);
    if (this.#streams.size === 0) this.#stopTicking();
  }

  #removeAudience(audience: Audience): void {
    const { key, paths, scope } = audience.selection;
    this.#audiences.delete(key);
    for (const path of paths) this.#matcher.remove(path, scope, audience);
  }

  #tell(applied: readonly Applied[]): void {
    for (const { txn, message, beginsHistory } of applied) {
      if (beginsHistory) this.#beginHistoryBehind(txn.zxid);
      else this.history.add(txn.zxid, message, txn.ranMs);
      if (message !== null && this.#streams.size > 0) this.#publish(message);
    }
    this.#trimHistory();
  }

  /** Most often before there are streams, by a replay or a restore. Those that there are begin anew. */
  #beginHistoryBehind(zxid: number): void {
    this.history.beginBehind(zxid);
    this.#leaveBehind(zxid);
  }

  #publish(message: ChangeMessage): void {
    const audiences = this.#audiencesOf(message);
    if (audiences === null || asksTooOften(audiences)) {
      this.#leaveBehind(message.zxid);
      return;
    }
    const frames = new MessageFrames(message, this.#store.epochs.stampOf(message.zxid));
    for (const [{ selection, streams }, events] of audiences) {
      const lists = listsThatHold(selection, events);
      if (lists.length > 0) {
        tellByLists(streams, { frames, selection, events, lists });
        continue;
      }
      const frame = selection.liveFrame(frames, events);
      if (frame === null) continue;
      for (const stream of streams) stream.hear(message.zxid, frame);
    }
  }

  /** Many who hear much each in words of their own would be a pause: every stream reads it from the history, in its turn. */
  #leaveBehind(zxid: number): void {
    for (const stream of this.#streams.values()) if (stream.fallBehind(zxid)) this.#behind.push(stream);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#behind.length === 0) return;
    this.#isTurnScheduled = true;
    setImmediate(() => {
      this.#isTurnScheduled = false;
      this.#behind.pop()?.goOn();
      this.#scheduleTurn();
    });
  }

  /**
   * Each audience and the events it hears, in order, each once however many of its paths match (W11). Null when that is
   * more than may be told in one go.
   */
  #audiencesOf(message: ChangeMessage): Map<Audience, MessageEvent[]> | null {
    const heard = new Map<Audience, MessageEvent[]>();
    let heardCount = 0;
    for (const event of message.events) {
      if (heardCount > heardAtOnceMax) return null;
      this.#matcher.match(event.path, (audience) => {
        if (!hears(audience, event)) return;
        heardCount += 1;
        const events = heard.get(audience);
        if (events === undefined) heard.set(audience, [event]);
        else if (events.at(-1) !== event) events.push(event);
      });
    }
    return heard;
  }

  #trimHistory(): void {
    if (this.history.trim(this.#store.now().ranMs)) this.#store.trimHistory(this.history.floorZxid);
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#store.clock.setTimer(tickMs, () => {
      this.#scheduleTick();
      const nowMs = this.#store.clock.monotonicMs();
      for (const stream of this.#streams.values()) stream.tick(nowMs);
    });
  }

  #stopTicking(): void {
    this.#cancelTick?.();
    this.#cancelTick = null;
  }

  /** Says goodbye on every stream and takes no new ones. */
  close(reason: string): void {
    this.#isClosed = true;
    this.#unsubscribe();
    for (const stream of this.#streams.values()) stream.end(reason);
  }

  /** What ends each stream that is open now, saying why. */
  endings(reason: string): (() => void)[] {
    return Array.from(this.#streams.values(), (stream) => () => stream.end(reason));
  }

  /** Open streams in order of their ids; `next` is where to go on, null at the end. */
  list({ after = 0, limit }: { after?: number; limit: number }) {
    const streams: StreamDescription[] = [];
    for (const stream of this.#streams.values()) {
      if (stream.id <= after) continue;
      if (streams.length === limit) return { streams, next: streams.at(-1)?.id ?? null };
      streams.push(stream.describe());
    }
    return { streams, next: null };
  }

  /** Ends one stream, as an operator asks; false when there is none of that id. */
  endStream(id: number, reason: string): boolean {
    const stream = this.#streams.get(id);
    stream?.end(reason);
    return stream !== undefined;
  }

  /**
   * Resolves with true once anything selected happened after `zxid`, or when the history cannot say that nothing
   * did; with false when `giveUp` resolves first. A long poll is a stream of one change.
   */
  async waitForChange(wait: {
    selection: Selection;
    afterZxid: number;
    reader: string;
    context: ReadContext;
    shown: Partial<Shown>;
    giveUp: Promise<void>;
  }) {
    const { selection, afterZxid, reader, context, shown, giveUp } = wait;
    if (this.history.gapAfter(afterZxid) === "history_trimmed") return true;
    const start: StreamStart = { kind: "after", zxid: afterZxid };
    const change = new FirstChange();
    const timing = { bookmarkMs: Number.POSITIVE_INFINITY, heartbeatMs: Number.POSITIVE_INFINITY };
    const stream = this.open({ selection, start, once: true, reader, context, shown, ...timing }, change);
    const happened = await Promise.race([change.happened.then(() => true), giveUp.then(() => false)]);
    stream.closed();
    return happened;
  }
}

/** Whether an event in scope is told to them, by what they may be told now. */
function hears({ selection }: Audience, { type, path }: MessageEvent): boolean {
  return selection.types.has(type) && selection.sight.sees(path);
}

/** The lists of those of the events whose znodes are not open to all, each once. */
function listsThatHold({ heedsLists }: StreamSelection, events: readonly MessageEvent[]): readonly Acl[] {
  if (!heedsLists) return [];
  const lists = new Set<Acl>();
  for (const { acl } of events) if (acl !== undefined) lists.add(acl);
  return [...lists];
}

/** Whether lists would be asked more often, or of their events be told more in words of their own, than may be in one go. */
function asksTooOften(audiences: ReadonlyMap<Audience, readonly MessageEvent[]>): boolean {
  let count = 0;
  for (const [{ selection, streams }, events] of audiences) {
    const { length } = listsThatHold(selection, events);
    if (length > 0) count += length * streams.size + events.length * Math.min(streams.size, 2 ** length);
  }
  return count > heardAtOnceMax;
}

interface ListedEvents {
  readonly frames: MessageFrames;
  readonly selection: StreamSelection;
  readonly events: readonly MessageEvent[];
  readonly lists: readonly Acl[];
}

/** Those to whom the same lists give `read` are told the same bytes. */
function tellByLists(streams: Iterable<Stream>, { frames, selection, events, lists }: ListedEvents): void {
  const frameByLists = new Map<string, Uint8Array | null>();
  for (const stream of streams) {
    const readable = new Set(lists.filter((acl) => stream.mayReadBy(acl)));
    const key = lists.map((acl) => (readable.has(acl) ? "1" : "0")).join("");
    let frame = frameByLists.get(key);
    if (frame === undefined) {
      const told = events.filter(({ acl }) => acl === undefined || readable.has(acl));
      frame = told.length === 0 ? null : selection.liveFrame(frames, told);
      frameByLists.set(key, frame);
    }
    if (frame !== null) stream.hear(frames.message.zxid, frame);
  }
}
