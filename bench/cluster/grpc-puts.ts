// Plain puts of etcd by gRPC: each client a connection that waits for its answer. The message is put together once for each
// key; what HTTP/2 takes in this process is more than what wrk takes for a put by the gateway.

import { GrpcConnection } from "../coordination/grpc-connection.ts";
import { encode } from "../coordination/protobuf.ts";

const put = "/etcdserverpb.KV/Put";
const value = Buffer.from("0123456789".repeat(10));

export interface PutLoad {
  /** Of the members, which take turns. */
  readonly endpoints: readonly string[];
  readonly clients: number;
  readonly seconds: number;
  readonly parent: string;
  /** Keys below the parent. */
  readonly count: number;
}

/** Puts a second. @throws Error when one is refused */
export async function grpcPutsPerSecond({
  endpoints,
  clients,
  seconds,
  parent,
  count,
}: PutLoad): Promise<number> {
  const messages = Array.from({ length: count }, (_, index) => {
    const key = Buffer.from(`${parent}/n${String(index).padStart(7, "0")}`);
    return encode([
      [1, key],
      [2, value],
    ]);
  });
  const connections = await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      GrpcConnection.open(Number(new URL(endpoints[index % endpoints.length] as string).port)),
    ),
  );
  try {
    const startedMs = performance.now();
    const untilMs = startedMs + seconds * 1000;
    let sent = 0;
    const next = () => messages[sent++ % count] as Buffer;
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() < untilMs) await connection.call(put, next());
      }),
    );
    return sent / ((performance.now() - startedMs) / 1000);
  } finally {
    for (const connection of connections) connection.close();
  }
}
