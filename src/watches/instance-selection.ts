// What a stream of one service is told: its instances, all or some, as they come, change and go. One that begins to be
// among those selected is added for the stream, and one that no longer is, is removed. A transaction is one frame,
// however many instances it has; only its last event has the id, so that nothing of it is missed by resuming.

import { type Permits, systemPermits } from "../core/access/permits.ts";
import { inTree } from "../core/access/root-paths.ts";
import {
  fits,
  type InstanceFilter,
  type InstanceView,
  instanceAt,
  instanceIn,
  instanceViewOf,
  servicePath,
} from "../core/coordination/instances.ts";
import type { Reader } from "../core/reader.ts";
import { parentPath, rootPath } from "../core/tree/path.ts";
import type { Stat } from "../core/tree/stat.ts";
import type { TreeWalk } from "../core/tree/tree-walk.ts";
import type { Znode } from "../core/tree/znode.ts";
import { type ChangeMessage, factsText, type MessageEvent } from "../told/change-message.ts";
import { eventsFrame, instancesFrame, type MessageFrames } from "../told/frames.ts";
import { descendsIn, type StreamSelection, watchEventTypes } from "./selection.ts";
import { type Sight, sightOf, toldPath } from "./sight.ts";

export class InstanceSelection implements StreamSelection {
  readonly paths: readonly string[];
  readonly scope = "children";
  readonly types = new Set(watchEventTypes);
  readonly sight: Sight;
  /** A service shows its instances, whatever the lists of their znodes say. */
  readonly heedsLists = false;
  readonly key: string;
  readonly #filter: InstanceFilter;

  /** @param permits of whom is told, and whose service it is; everything may be told unless given */
  constructor(service: string, filter: InstanceFilter, permits: Permits = systemPermits) {
    this.paths = [inTree(permits.root, servicePath(service))];
    this.sight = sightOf(permits, this);
    this.#filter = filter;
    const { tags, metadata, state = null, zone = null } = filter;
    const words = [[...tags].sort(), [...metadata].sort(), state, zone];
    this.key = JSON.stringify(["instances", this.sight.key, this.paths, ...words]);
  }

  walk(reader: Reader, keptBytesMax: number): TreeWalk {
    return reader.walk({ roots: this.paths, depthMax: 1, keptBytesMax, ...descendsIn(this.sight) });
  }

  textOf(znode: Znode): string | null {
    const view = this.#isBelow(znode.path) ? instanceAt(znode) : null;
    return this.#isSelected(view) ? this.#told(view) : null;
  }

  snapshotFrame(zxid: number, instances: readonly string[]): Uint8Array {
    return instancesFrame(zxid, instances);
  }

  liveFrame(frames: MessageFrames, events: readonly MessageEvent[]): Uint8Array | null {
    return this.#frameOf(frames, events);
  }

  replayFrame(message: ChangeMessage, id: string): Uint8Array | null {
    return this.#frameOf(
      { message, id },
      message.events.filter(({ path }) => this.sight.sees(path)),
    );
  }

  #frameOf(
    { message, id }: Pick<MessageFrames, "message" | "id">,
    events: readonly MessageEvent[],
  ): Uint8Array | null {
    const told = events.flatMap((event) => this.#toldOf(message, event) ?? []);
    return told.length === 0 ? null : eventsFrame(id, told);
  }

  #toldOf(message: ChangeMessage, event: MessageEvent) {
    if (!this.#isBelow(event.path)) return null;
    const { was, is } = changeOf(event);
    const [wasSelected, isSelected] = [this.#isSelected(was), this.#isSelected(is)];
    if (!wasSelected && !isSelected) return null;
    const name = !wasSelected ? "added" : isSelected ? "updated" : "removed";
    return {
      name,
      data: `${factsText(message)}"instance":${this.#told((isSelected ? is : was) as InstanceView)}}`,
    };
  }

  #told(view: InstanceView): string {
    if (this.sight.root === rootPath) return JSON.stringify(view);
    return JSON.stringify({ ...view, path: toldPath(this.sight, view.path) });
  }

  #isBelow(path: string): boolean {
    return parentPath(path) === this.paths[0];
  }

  #isSelected(view: InstanceView | null): view is InstanceView {
    return view !== null && fits(view, this.#filter);
  }
}

/** An instance on both sides of an event; null where there is none. */
interface InstanceChange {
  readonly was: InstanceView | null;
  readonly is: InstanceView | null;
}

/** Many streams of one service are told of one event: it is read once. */
const changes = new WeakMap<MessageEvent, InstanceChange>();

function changeOf(event: MessageEvent): InstanceChange {
  const known = changes.get(event);
  if (known !== undefined) return known;
  const { path, head, data, tail, before = "" } = event;
  const after = JSON.parse(head + data + tail) as { data?: string; stat: Stat };
  const viewOf = (text: string | undefined) => {
    const instance = text === undefined ? null : instanceIn(text);
    return instance === null ? null : instanceViewOf({ path, ...after.stat }, instance);
  };
  const change = {
    was: viewOf((JSON.parse(`{${before}}`) as { data?: string }).data),
    is: viewOf(after.data),
  };
  changes.set(event, change);
  return change;
}
