// How much room etcd has left. Since 3.6 it says so itself; an older one says it with its metrics, at the same address.

import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";
import type { EtcdCalls } from "./etcd-calls.ts";
import { isRefused } from "./etcd-errors.ts";
import { patiently } from "./patience.ts";

export interface RoomInEtcd {
  /** Whether it takes no writes for want of room. */
  readonly isFull: boolean;
  /** What its file may grow to; 0 where it does not say. */
  readonly quotaBytes: number;
  readonly usedBytes: number;
}

interface Address {
  readonly endpoint: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const answerWithinMs = 3000;
/** It has metrics of some hundred kilobytes. */
const metricsBytesMax = 8_388_608;

export async function roomInEtcd(
  client: Pick<EtcdCalls, "isFull" | "status">,
  at: Address,
): Promise<RoomInEtcd> {
  // Whoever may only write below the prefix is perhaps not told.
  const isFull = await patiently(() => client.isFull()).catch(unlessRefused(false));
  const status = await patiently(() => client.status()).catch(unlessRefused(null));
  if (status === null) return { isFull, quotaBytes: 0, usedBytes: 0 };
  const { dbSizeInUse, dbSizeQuota } = status;
  const quotaBytes = dbSizeQuota > 0n ? Number(dbSizeQuota) : await quotaInMetrics(at);
  return { isFull, quotaBytes, usedBytes: Number(dbSizeInUse) };
}

function unlessRefused<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isRefused(error)) return value;
    throw error;
  };
}

/** 0 where they cannot be had, or do not say: it is no reason not to try. */
async function quotaInMetrics({ endpoint, tls }: Address): Promise<number> {
  try {
    const metrics = await fetched(new URL("/metrics", endpoint), tls);
    const [, bytes] = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(metrics) ?? [];
    return Number(bytes ?? 0) || 0;
  } catch {
    return 0;
  }
}

async function fetched(url: URL, tls: Address["tls"]): Promise<string> {
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request(url, { ...tls, signal: AbortSignal.timeout(answerWithinMs) }, (response) => {
    let bytes = 0;
    response.on("data", (piece: Uint8Array) => {
      bytes += piece.byteLength;
      if (bytes > metricsBytesMax) response.destroy(new Error("its metrics are too long"));
    });
    text(response).then(resolve, reject);
  });
  sent.on("error", reject);
  sent.end();
  return await promise;
}
