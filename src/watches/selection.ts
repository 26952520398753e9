// What a stream watches: paths, a scope, types of event, with data or without. Streams with equal selections
// have equal keys, so that what is told to one can be told to all of them without asking again.

import { type Permits, systemPermits } from "../core/access/permits.ts";
import type { Reader } from "../core/reader.ts";
import { parentPath, rootPath } from "../core/tree/path.ts";
import { statText } from "../core/tree/stat.ts";
import type { TreeWalk, WalkScope } from "../core/tree/tree-walk.ts";
import type { Znode } from "../core/tree/znode.ts";
import type { WatchEventType } from "../core/watch-event.ts";
import {
  type ChangeMessage,
  type EventSelection,
  type MessageEvent,
  selectedText,
} from "../told/change-message.ts";
import { changeFrame, type MessageFrames, snapshotFrame } from "../told/frames.ts";
import { dataText } from "../told/json-data.ts";
import type { Scope } from "./matcher.ts";
import { type Sight, sightOf, toldPath } from "./sight.ts";

export const watchEventTypes: readonly WatchEventType[] = ["created", "changed", "deleted"];

/** What a stream is about, and in which words it is told. Those with equal keys are told the same bytes. */
export interface StreamSelection {
  readonly key: string;
  /** Of the whole tree. */
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: ReadonlySet<WatchEventType>;
  /** Which of the znodes and events in scope may be told. */
  readonly sight: Sight;
  /** Whether the lists of znodes hold as well, which are asked for each reader. */
  readonly heedsLists: boolean;
  /**
   * The znodes in scope as they are now, each once, parents before their children; those that may not be told are among
   * them, unless they are below one below which nothing may.
   * @param reader of the whole tree
   */
  walk(reader: Reader, keptBytesMax: number): TreeWalk;
  /** One of them, as JSON; null when it is left out. */
  textOf(znode: Znode): string | null;
  /** A page of such texts. */
  snapshotFrame(zxid: number, texts: readonly string[]): Uint8Array;
  /** What is told of a transaction, whole; null when that is nothing. @param events those that may be told, of these types */
  liveFrame(frames: MessageFrames, events: readonly MessageEvent[]): Uint8Array | null;
  /** The same bytes, later. @param isTold whether the lists of znodes let it be told */
  replayFrame(
    message: ChangeMessage,
    id: string,
    isTold: (event: MessageEvent) => boolean,
  ): Uint8Array | null;
}

export interface SelectionParts {
  /** Of the whole tree. */
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: readonly WatchEventType[];
  readonly withData: boolean;
  /** Of whom is told; everything may be told unless given. */
  readonly permits?: Permits;
  /** Whether each znode's own list holds; it does unless given. */
  readonly heedsLists?: boolean;
}

export class Selection implements EventSelection, StreamSelection {
  /** Sorted, so that parents come before their children; each once. */
  readonly paths: readonly string[];
  readonly scope: Scope;
  readonly types: ReadonlySet<WatchEventType>;
  readonly withData: boolean;
  readonly sight: Sight;
  readonly heedsLists: boolean;
  readonly key: string;
  readonly #paths: ReadonlySet<string>;

  constructor(parts: SelectionParts) {
    const distinct = new Set(parts.paths);
    this.scope = parts.scope;
    this.paths = [...distinct]
      .sort()
      .filter((path) => parts.scope !== "subtree" || !isBelowAny(path, distinct));
    this.#paths = new Set(this.paths);
    this.types = new Set(parts.types);
    this.withData = parts.withData;
    this.sight = sightOf(parts.permits ?? systemPermits, this);
    this.heedsLists = parts.heedsLists ?? true;
    const types = watchEventTypes.filter((type) => this.types.has(type));
    const words = [this.scope, types, this.withData, this.heedsLists, this.sight.key];
    this.key = JSON.stringify([...words, ...this.paths]);
  }

  matches(event: MessageEvent): boolean {
    return this.types.has(event.type) && this.#covers(event.path) && this.sight.sees(event.path);
  }

  get root(): string {
    return this.sight.root;
  }

  #covers(path: string): boolean {
    if (this.#paths.has(path)) return true;
    switch (this.scope) {
      case "node":
        return false;
      case "children":
        return this.#paths.has(parentPath(path));
      case "subtree":
        return isBelowAny(path, this.#paths);
    }
  }

  textOf(znode: Znode): string {
    const data = this.withData ? `,${dataText(znode.data)}` : "";
    return `{"path":${JSON.stringify(toldPath(this.sight, znode.path))}${data},"stat":${statText(znode)}}`;
  }

  snapshotFrame(zxid: number, znodes: readonly string[]): Uint8Array {
    return snapshotFrame(zxid, znodes);
  }

  liveFrame(frames: MessageFrames, events: readonly MessageEvent[]): Uint8Array {
    return frames.of(events, this);
  }

  replayFrame(
    message: ChangeMessage,
    id: string,
    isTold: (event: MessageEvent) => boolean,
  ): Uint8Array | null {
    const { withData, root } = this;
    const matches = (event: MessageEvent) => this.matches(event) && isTold(event);
    const text = selectedText(message, { matches, withData, root });
    return text === null ? null : changeFrame(id, text);
  }

  walk(reader: Reader, keptBytesMax: number): TreeWalk {
    const depthMax = depthsMax[this.scope];
    return reader.walk({ roots: this.paths, depthMax, keptBytesMax, ...descendsIn(this.sight) });
  }
}

/** A walk passes over what nobody may be told of below. */
export function descendsIn({ seesBelow }: Sight): Pick<WalkScope, "descends"> {
  return seesBelow === undefined ? {} : { descends: seesBelow };
}

const depthsMax: Record<Scope, number> = { node: 0, children: 1, subtree: Number.POSITIVE_INFINITY };

function isBelowAny(path: string, ancestors: ReadonlySet<string>): boolean {
  for (let ancestor = path; ancestor !== rootPath; ) {
    ancestor = parentPath(ancestor);
    if (ancestors.has(ancestor)) return true;
  }
  return false;
}
