// What this server says of itself to operators and to the other servers over the same log.

import { hostname } from "node:os";
import type { Clock } from "./clock.ts";
import { addressOf } from "./listening.ts";
import type { ListedServer } from "./routes/operations/servers.ts";
import type { Server } from "./server.ts";
import type { Config } from "./settings/settings.ts";
import type { OpenedEtcd } from "./store/etcd/open-etcd.ts";
import type { Store } from "./store/store.ts";

/** All that a server says of itself. */
type Words = Omit<ListedServer, "id" | "isThis" | "heardBeforeMs">;

interface OwnServerParts {
  readonly config: Pick<Config, "serverUrl" | "tlsCert">;
  readonly version: string;
  readonly store: Store;
  readonly clock: Clock;
  /** Null where it is alone with its log. */
  readonly shared: OpenedEtcd | null;
}

export class OwnServer {
  readonly #parts: OwnServerParts;
  readonly #startedMs: number;
  #url = "";

  constructor(parts: OwnServerParts) {
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonicMs();
  }

  /** From here on the others hear of it: it can be reached. */
  start({ doors }: Pick<Server, "doors">): void {
    const { config, shared } = this.#parts;
    const [address] = doors.addresses;
    if (address !== undefined) this.#url = config.serverUrl || urlOf(address, config.tlsCert !== "");
    shared?.servers.start(() => this.words());
  }

  async stop(): Promise<void> {
    await this.#parts.shared?.servers.stop();
  }

  /** All servers that are known, this one first. */
  list(): readonly ListedServer[] {
    const { shared, store } = this.#parts;
    if (shared !== null) return shared.servers.list();
    return [{ id: store.writer, ...this.words(), isThis: true, heardBeforeMs: 0 }];
  }

  words(): Words {
    const { version, store, clock, shared } = this.#parts;
    const { lsn: position } = store.place;
    const { endLsn, lagMs } = shared?.log.stats() ?? { endLsn: position, lagMs: store.behindMs };
    return {
      ...{ name: hostname(), url: this.#url, version, position },
      upForMs: Math.round(clock.monotonicMs() - this.#startedMs),
      behindEntries: Math.max(0, endLsn - position),
      behindMs: Math.round(Math.max(lagMs, store.behindMs)),
    };
  }
}

/** An address that stands for all of the machine is none that others can use: its name is. */
function urlOf(address: Parameters<typeof addressOf>[0], isSecure: boolean): string {
  const scheme = isSecure ? "https" : "http";
  const isEvery = address.address === "0.0.0.0" || address.address === "::";
  return isEvery ? `${scheme}://${hostname()}:${address.port}` : addressOf(address, scheme).url;
}
