// Servers and members as a nemesis wants them: who is silent is missed soon, so that a second of harm is long.

import { Cluster, type ClusterOptions } from "../cluster.ts";

const serverArgs = ["--session-timeout-ms-min", "300", "--housekeeper-timeout-ms", "1000"];
const etcdArgs = ["--heartbeat-interval", "50", "--election-timeout", "400"];

export function quickCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return Cluster.start({
    ...options,
    serverArgs: [...serverArgs, ...(options.serverArgs ?? [])],
    etcdArgs: [...etcdArgs, ...(options.etcdArgs ?? [])],
  });
}
