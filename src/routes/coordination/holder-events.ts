// Who holds, as Server-Sent Events: what it is now, and then what it became, whenever it changed. Each event is the
// whole truth as of its zxid, so a slow reader is sent the latest and misses nothing that still is so.

import type { FastifyReply } from "fastify";
import type { Coordination } from "../../coordination/coordination.ts";
import { Ask } from "../../core/access/ask.ts";
import { inTree } from "../../core/access/root-paths.ts";
import type { ReadContext } from "../../core/reader.ts";
import type { Store } from "../../store/store.ts";
import type { Latest } from "../../told/latest-stream.ts";
import { LatestStreams, type OpenStreams } from "../http/latest-streams.ts";

interface HolderEvents {
  readonly event: string;
  /** Of the lock or election, as who listens names it. */
  readonly path: string;
  /** What is told, without the zxid, to all who may read the path. */
  readonly view: () => object;
  /** Who listens. */
  readonly context: ReadContext;
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

export class HolderStreams implements OpenStreams {
  readonly #store: Store;
  readonly #coordination: Coordination;
  readonly #streams: LatestStreams;
  /** By path in the whole tree: those of one name in two namespaces are two. Put into words once for all who listen: there may be many of them, and many holders. */
  readonly #told = new Map<string, Told>();

  constructor({ store, coordination }: { store: Store; coordination: Coordination }) {
    this.#store = store;
    this.#coordination = coordination;
    this.#streams = new LatestStreams(store);
  }

  get count(): number {
    return this.#streams.count;
  }

  endings(reason: string): (() => void)[] {
    return this.#streams.endings(reason);
  }

  /** @throws KeeperError `forbidden`; `throttled` when there are too many */
  begin(reply: FastifyReply, events: HolderEvents): void {
    const { context } = events;
    assertReads(context, events.path);
    const path = inTree(context.permits.root, events.path);
    const subscribe = ({ tell }: { tell: () => void }) => {
      const stop = this.#coordination.observe(path, tell);
      this.#toldAt(path).streamCount += 1;
      return () => {
        stop();
        this.#forget(path);
      };
    };
    this.#streams.begin(reply, { subscribe, context, now: () => this.#now({ ...events, path }) });
  }

  #toldAt(path: string): Told {
    const told = this.#told.get(path) ?? { zxid: -1, text: "", frame: null, streamCount: 0 };
    this.#told.set(path, told);
    return told;
  }

  #forget(path: string): void {
    const told = this.#toldAt(path);
    told.streamCount -= 1;
    if (told.streamCount === 0) this.#told.delete(path);
  }

  #now({ event, path, view }: HolderEvents): Latest {
    const { zxid } = this.#store;
    const told = this.#toldAt(path);
    if (told.zxid !== zxid) {
      const text = JSON.stringify(view()).slice(1);
      if (text !== told.text) told.text = text;
      told.zxid = zxid;
      told.frame = null;
    }
    const { text } = told;
    const frame = () => {
      const id = this.#store.epochs.stampOf(zxid);
      told.frame ??= Buffer.from(`id: ${id}\nevent: ${event}\ndata: {"zxid":${zxid},${text}\n\n`);
      return told.frame;
    };
    return { text, frame };
  }

  close(): void {
    this.#streams.close();
  }
}

/** Who holds is shown to those who may read the path of the lock, election or service. @throws KeeperError `forbidden` */
export function assertReads({ permits }: ReadContext, path: string): void {
  new Ask(permits).require(path, "read");
}
