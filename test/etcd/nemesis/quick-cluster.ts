// Servers and members as a nemesis wants them: who is silent is missed as soon as the settings allow, so that a little harm is
// long.

import { Cluster, type ClusterOptions } from "../cluster.ts";

const serverArgs = ["--session-timeout-ms-min", "300", "--housekeeper-timeout-ms", "5000"];
const etcdArgs = ["--heartbeat-interval", "50", "--election-timeout", "400"];

/** @throws Error with what they said last where servers have ended by themselves; what the promise is rejected with */
export async function whileTheyRun<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const ended = cluster.servers.flatMap((server, index) =>
    server.hasEnded ? [`server ${index} has ended: ${JSON.stringify(server.logs.slice(-lastLines))}`] : [],
  );
  if (ended.length > 0) throw new Error(ended.join("\n"));
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

const lastLines = 5;

/** For what hangs: all rounds of a nemesis take a small part of it, on a machine that has nothing else to do. */
export const endsWithin = { timeout: 900_000 };

export function quickCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return Cluster.start({
    ...options,
    serverArgs: [...serverArgs, ...(options.serverArgs ?? [])],
    etcdArgs: [...etcdArgs, ...(options.etcdArgs ?? [])],
  });
}
