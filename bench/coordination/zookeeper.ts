// A client of ZooKeeper with the lock recipe of its documentation, which is Curator's and kazoo's as well: an ephemeral
// sequential child, the list of children, and a watch on the one before one's own; after it fired, the list again.

import type { Connecting, LockClient } from "./client.ts";
import { nodeExists, noNode, type Reply, ZookeeperConnection } from "./zookeeper-connection.ts";

const operations = { create: 1, delete: 2, exists: 3, getChildren: 8 } as const;
const ephemeralSequential = 3;
const allPermissions = 31;
const noData = Buffer.alloc(0);

export class ZookeeperClient implements LockClient {
  readonly #connection: ZookeeperConnection;
  readonly #madeParents = new Set<string>();
  #held = "";

  private constructor(connection: ZookeeperConnection) {
    this.#connection = connection;
  }

  static async connect({ port, sessionTimeoutMs }: Connecting): Promise<ZookeeperClient> {
    return new ZookeeperClient(await ZookeeperConnection.open(port, sessionTimeoutMs));
  }

  get received(): number {
    return this.#connection.received;
  }

  async acquire(lock: string): Promise<void> {
    const parent = `/${lock}`;
    await this.#makeParent(parent);
    const own = expected(await this.#create(`${parent}/lock-`, ephemeralSequential)).body.text();
    const ownName = own.slice(parent.length + 1);
    for (;;) {
      const before = nameBefore(ownName, await this.#children(parent));
      if (before === undefined) break;
      await this.#gone(`${parent}/${before}`);
    }
    this.#held = own;
  }

  async release(): Promise<void> {
    const path = this.#held;
    expected(await this.#connection.request(operations.delete, (body) => body.text(path).int(-1)));
  }

  async heartbeat(): Promise<void> {
    expected(await this.#connection.ping());
  }

  async contenders(lock: string): Promise<number> {
    return (await this.#children(`/${lock}`)).length;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** As the recipes do: once, not at every claim. */
  async #makeParent(path: string): Promise<void> {
    if (this.#madeParents.has(path)) return;
    const { error } = await this.#create(path, 0);
    if (error !== 0 && error !== nodeExists) throw failed(error);
    this.#madeParents.add(path);
  }

  #create(path: string, flags: number): Promise<Reply> {
    return this.#connection.request(operations.create, (body) =>
      body.text(path).buffer(noData).int(1).int(allPermissions).text("world").text("anyone").int(flags),
    );
  }

  async #children(path: string): Promise<string[]> {
    const reply = await this.#connection.request(operations.getChildren, (body) =>
      body.text(path).flag(false),
    );
    return expected(reply).body.texts();
  }

  async #gone(path: string): Promise<void> {
    const { promise: fired, resolve } = Promise.withResolvers<void>();
    this.#connection.onWatch(path, resolve);
    const { error } = await this.#connection.request(operations.exists, (body) => body.text(path).flag(true));
    // ZooKeeper watches what is not there for its creation; the name is never given again, so that costs nothing.
    if (error === noNode) return;
    if (error !== 0) throw failed(error);
    await fired;
  }
}

/** The greatest that is smaller: numbers have leading zeros, so the order of texts is that of numbers. */
function nameBefore(own: string, names: readonly string[]): string | undefined {
  let before: string | undefined;
  for (const name of names) {
    if (name < own && (before === undefined || name > before)) before = name;
  }
  return before;
}

function expected(reply: Reply): Reply {
  if (reply.error === 0) return reply;
  throw failed(reply.error);
}

function failed(error: number): Error {
  return new Error(`ZooKeeper answered with error ${error}.`);
}
