// What the benchmark of locks asks of each service's client, so that all are driven by the same code: a session of its
// own, one lock at a time. Clients must cost as little as each other: what is compared are the servers.

import { EtcdClient } from "./etcd.ts";
import { TreekeeperClient } from "./treekeeper.ts";
import { ZookeeperClient } from "./zookeeper.ts";

export interface LockClient {
  /** Messages that have come from the server. */
  readonly received: number;
  /** Resolves once the lock is held, however long that takes. */
  acquire(lock: string): Promise<void>;
  /** Of the lock that is held; resolves once the server has said so. */
  release(): Promise<void>;
  /** Keeps the session alive. */
  heartbeat(): Promise<void>;
  /** How many hold the lock or wait for it. */
  contenders(lock: string): Promise<number>;
  /** Ends the session and the connection. */
  close(): Promise<void>;
}

export interface Connecting {
  readonly port: number;
  readonly sessionTimeoutMs: number;
}

const kinds = {
  treekeeper: TreekeeperClient,
  zookeeper: ZookeeperClient,
  etcd: EtcdClient,
} as const;

export type ServiceKind = keyof typeof kinds;

export function connectClient(kind: ServiceKind, connecting: Connecting): Promise<LockClient> {
  return kinds[kind].connect(connecting);
}

/** Clients for the time of the work. */
export async function withLockClients<T>(
  kind: ServiceKind,
  { count, ...connecting }: Connecting & { readonly count: number },
  work: (clients: readonly LockClient[]) => Promise<T>,
): Promise<T> {
  const clients: LockClient[] = [];
  try {
    // Not all at once: a server takes only so many connections that nobody has looked at yet.
    while (clients.length < count) {
      const some = Array.from({ length: Math.min(50, count - clients.length) }, () =>
        connectClient(kind, connecting),
      );
      clients.push(...(await Promise.all(some)));
    }
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}
