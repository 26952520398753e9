// From settings to the log in etcd. It is loaded where it is asked for, and nowhere else.

import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { EtcdClient, type EtcdOptions } from "./etcd-client.ts";
import { EtcdLog } from "./etcd-log.ts";

/** Names of files are empty where there are none. */
export interface EtcdSettings {
  /** Comma-separated. */
  readonly etcdEndpoints: string;
  readonly etcdPrefix: string;
  readonly etcdCa: string;
  readonly etcdCert: string;
  readonly etcdKey: string;
  readonly etcdUser: string;
  readonly etcdPasswordFile: string;
}

interface Surroundings {
  readonly clock: Clock;
  /** Called when nobody has answered for a while; it is tried on. */
  readonly onWaiting: (cause: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Resolves when etcd answers.
 * @throws Error for files that cannot be read, and when what is there is of another format; the signal's reason
 */
export async function openEtcd(settings: EtcdSettings, surroundings: Surroundings): Promise<EtcdLog> {
  const client = new EtcdClient(optionsOf(settings));
  return await EtcdLog.open({ client, prefix: settings.etcdPrefix, ...surroundings });
}

function optionsOf(settings: EtcdSettings): EtcdOptions {
  const { etcdEndpoints, etcdCa, etcdCert, etcdKey, etcdUser, etcdPasswordFile } = settings;
  const tls = {
    ...(etcdCa !== "" && { ca: readFileSync(etcdCa, "utf8") }),
    ...(etcdCert !== "" && { cert: readFileSync(etcdCert, "utf8"), key: readFileSync(etcdKey, "utf8") }),
  };
  const password =
    etcdPasswordFile === "" ? "" : readFileSync(etcdPasswordFile, "utf8").replace(/\r?\n$/, "");
  return {
    endpoints: etcdEndpoints.split(","),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(etcdUser !== "" && { user: { name: etcdUser, password } }),
  };
}
