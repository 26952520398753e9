// A log in etcd in one word: `etcd://10.0.0.1:2379,10.0.0.2:2379/treekeeper/`, with `etcds://` for TLS.

import { InvalidArgumentError } from "commander";
import { etcdPrefix, urls } from "../settings/setting-values.ts";

export interface EtcdPlaceNamed {
  readonly name: string;
  /** As `serve` takes them. */
  readonly etcdEndpoints: string;
  readonly prefix: string;
}

const prefixDefault = "/treekeeper/";

/** Null for what is no such place, but a directory. @throws InvalidArgumentError */
export function etcdPlaceIn(text: string): EtcdPlaceNamed | null {
  if (!/^etcds?:/i.test(text)) return null;
  const [, tls, members = "", path = ""] = /^etcd(s?):\/\/([^/\s]+)(\/\S*)?$/i.exec(text) ?? [];
  if (tls === undefined)
    throw new InvalidArgumentError("It is a directory, or etcd://HOST:PORT,…/PREFIX/ (etcds:// with TLS).");
  const scheme = tls === "" ? "http" : "https";
  const etcdEndpoints = urls(
    members
      .split(",")
      .map((member) => `${scheme}://${member}`)
      .join(","),
  );
  const prefix = path === "" || path === "/" ? prefixDefault : etcdPrefix(path.replace(/\/?$/, "/"));
  return { name: `etcd${tls.toLowerCase()}://${members}${prefix}`, etcdEndpoints, prefix };
}
