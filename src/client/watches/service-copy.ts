// A local copy of the instances of a service that follows the server: to look costs nothing, and whatever is seen at
// one moment is the service as of one zxid. While the connection is lost it shows what was last known.

import type { InstanceState, InstanceView } from "../../core/coordination/instances.ts";
import { segmentOf } from "../calls/names.ts";
import type { Transport } from "../calls/transport.ts";
import { type CopyChange, CopyLife, type CopyOptions, type CopyState } from "./copy-life.ts";
import { follow, heartbeatMsDefault } from "./follow.ts";
import { type InstanceEvent, type ServiceMessage, serviceReader } from "./service-messages.ts";
import type { WatchCursor } from "./watch-progress.ts";

/** Which instances are meant: those that are all of it. */
export interface ServiceFilter {
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly zone?: string;
  readonly state?: InstanceState;
}

export type ServiceChange = CopyChange<InstanceEvent>;
export type ServiceState = CopyState;
export interface ServiceOptions extends ServiceFilter, CopyOptions<InstanceEvent> {}

type Instances = Map<string, InstanceView>;

export class ServiceCopy {
  readonly name: string;
  /** Resolves when the copy is there, and `changed` was told of it. Rejects when that is never. */
  readonly ready: Promise<void>;
  /** Resolves when the signal has ended it. Rejects with what else did, a fault in a callback included. */
  readonly closed: Promise<void>;
  readonly #options: ServiceOptions;
  readonly #life: CopyLife<InstanceEvent>;
  #instances: Instances = new Map();
  /** A snapshot that is not complete yet. */
  #incoming: Instances | null = null;

  constructor(transport: Transport, name: string, options: ServiceOptions) {
    this.name = name;
    this.#options = options;
    this.#life = new CopyLife(options);
    this.ready = this.#life.ready;
    this.closed = this.#life.lasting(this.#follow(transport));
  }

  /** The transaction the copy is as of; 0 before it is there. */
  get zxid(): number {
    return this.#life.zxid;
  }

  get state(): ServiceState {
    return this.#life.state;
  }

  /** How many instances there are. */
  get size(): number {
    return this.#instances.size;
  }

  get(id: string): InstanceView | undefined {
    return this.#instances.get(id);
  }

  /** In order of their ids. */
  instances(): InstanceView[] {
    return [...this.#instances.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #follow(transport: Transport): Promise<void> {
    const { signal, heartbeatMs = heartbeatMsDefault } = this.#options;
    const followed = {
      cursor: {},
      requestOf: (cursor: WatchCursor) => ({ url: this.#urlOf(transport, cursor, heartbeatMs) }),
      heartbeatMs,
      tellsBookmarks: true,
      reader: serviceReader,
    };
    const options = { ...this.#life.told, ...(signal !== undefined && { signal }) };
    try {
      for await (const message of follow(transport, followed, options)) await this.#take(message);
    } finally {
      this.#incoming = null;
    }
  }

  /** Without a resume point it begins with what is there, whatever is asked. */
  #urlOf(transport: Transport, { sinceZxid }: WatchCursor, heartbeatMs: number): URL {
    const url = transport.url(`v1/services/${segmentOf(this.name)}/events`);
    for (const [name, value] of filterParameters(this.#options)) url.searchParams.append(name, value);
    url.searchParams.set("heartbeatMs", String(heartbeatMs));
    if (sinceZxid !== undefined) url.searchParams.set("sinceZxid", String(sinceZxid));
    return url;
  }

  async #take(message: ServiceMessage): Promise<void> {
    switch (message.type) {
      case "reset":
        this.#incoming = null;
        return this.#life.outdated();
      case "snapshot":
        this.#incoming ??= new Map();
        for (const instance of message.instances) this.#incoming.set(instance.id, instance);
        return;
      case "synced":
        return await this.#synced(message.zxid);
      case "change": {
        const { type: _, ...change } = message;
        for (const event of change.events) applyTo(this.#instances, event);
        return await this.#life.changed(change);
      }
      case "bookmark":
        this.#life.passed(message.zxid);
    }
  }

  /** A complete snapshot takes the place of the copy at once: until then readers had the old one, whole. */
  async #synced(zxid: number): Promise<void> {
    const before = this.#instances;
    const events = this.#incoming === null ? [] : differenceOf(before, this.#incoming);
    this.#instances = this.#incoming ?? before;
    this.#incoming = null;
    await this.#life.filled(zxid, events);
  }
}

function applyTo(instances: Instances, { type, instance }: InstanceEvent): void {
  if (type === "removed") instances.delete(instance.id);
  else instances.set(instance.id, instance);
}

/** What would turn one into the other: those that have gone first. */
function differenceOf(before: Instances, after: Instances): InstanceEvent[] {
  const removed = [...before.values()].filter(({ id }) => !after.has(id));
  const others = [...after.values()].flatMap((instance): InstanceEvent[] => {
    const known = before.get(instance.id);
    if (known === undefined) return [{ type: "added", instance }];
    return JSON.stringify(known) === JSON.stringify(instance) ? [] : [{ type: "updated", instance }];
  });
  return [...removed.map((instance) => ({ type: "removed", instance }) as const), ...others];
}

/** As the service is asked for it. */
export function filterParameters(filter: ServiceFilter): [name: string, value: string][] {
  const { tags = [], metadata = {}, zone, state } = filter;
  return [
    ...tags.map((tag): [string, string] => ["tag", tag]),
    ...Object.entries(metadata).map(([name, value]): [string, string] => [`meta.${name}`, value]),
    ...(zone === undefined ? [] : [["zone", zone] as [string, string]]),
    ...(state === undefined ? [] : [["state", state] as [string, string]]),
  ];
}
