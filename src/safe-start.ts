// Who is let in when nobody has said so: this machine's programs. A service that others can reach has tokens and TLS, or
// its operator has said that it shall go without.

import { isLoopbackHost } from "./listening.ts";

/** As --help and refusals show it: from nothing to a service that may stand in a network. */
export const safeSetUp = [
  "(umask 077; treekeeper token init > admin.token)",
  "treekeeper serve --host 0.0.0.0 --tls-cert tls.crt --tls-key tls.key",
  "treekeeper --endpoint https://HOST:2281 --token-file admin.token whoami",
] as const;

interface Exposure {
  readonly host: string;
  /** Names that clients may use, as the setting has them. */
  readonly allowedHosts: string;
  readonly hasTls: boolean;
  /** Whether access control is on. */
  readonly isOn: boolean;
  /** Whether others come by way of a proxy, whatever address it comes from. */
  readonly isProxied: boolean;
}

/** What could happen to a service that others can reach. */
export interface Danger {
  /** Why it does not start so. */
  readonly refusal: string;
  /** What is said of it where it starts all the same. */
  readonly warning: string;
}

const anyName: Danger = {
  refusal:
    "--allowed-hosts * takes requests by any name, and access control is off: a page in a browser on this machine could " +
    "come by a name of its own (DNS rebinding), and read and change everything. Give the names (--insecure takes any).",
  warning:
    "insecure: there is no access control and any name will do, pages in a browser on this machine may read and change everything",
};

const anybodyBehindProxy: Danger = {
  refusal:
    "--trust-proxy says that others come by way of a proxy, and access control is off: whoever reaches the proxy could " +
    `read and change everything. Make the first token: ${safeSetUp[0]} (--insecure lets everybody in all the same).`,
  warning: "insecure: there is no access control, whoever can reach the proxy may read and change everything",
};

/** Null where nothing speaks against it: nobody else can reach it, or they need a token, and nobody reads it on the way. */
export async function dangerOf(exposure: Exposure): Promise<Danger | null> {
  const { host, allowedHosts, hasTls, isOn, isProxied } = exposure;
  if (isOn && hasTls) return null;
  if (await isLoopbackHost(host)) {
    if (isOn) return null;
    if (isProxied) return anybodyBehindProxy;
    return allowedHosts.split(",").includes("*") ? anyName : null;
  }
  if (!isOn) {
    return {
      refusal:
        `--host ${host} lets others in, and access control is off: whoever reaches the port could read and change ` +
        `everything. The safe set-up: ${safeSetUp.join(" ; ")} (--insecure lets everybody in all the same).`,
      warning:
        "insecure: there is no access control, whoever can reach these addresses may read and change everything",
    };
  }
  return {
    refusal:
      `--host ${host} lets others in without TLS: whoever is on the way could read tokens and data, and act with the ` +
      "tokens. Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has TLS (--insecure goes without).",
    warning:
      "insecure: there is no TLS, whoever is on the way to these addresses can read tokens and data, and act with the tokens",
  };
}
