// For which host a request is. A browser believes that a page and a server are one origin when their names are equal,
// and whoever owns a name can let it point here: so a request is served only under a name that is this service's own.
// An address and `localhost` are nobody's to give away.

import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import type { RequestStep } from "./every-request.ts";

const knownMax = 100;

/** Before any step that believes the host. @param allowed names; `.example.com` is all below it too, `*` is any */
export function refuseOtherHosts(allowed: readonly string[]): RequestStep {
  if (allowed.includes("*")) return () => true;
  const allowedNames = allowed.filter((name) => name !== "").map(plainNameOf);
  const names = new Set(["localhost", ...allowedNames]);
  const domains = allowedNames.filter((name) => name.startsWith("."));
  // Nearly all requests name the service as one of a few before them did, and most as the last one.
  const knownAsOurs = new Set<string>();
  let lastOfOurs: string | undefined;
  return (request) => {
    const authority = authorityOf(request);
    if (authority === undefined || authority === lastOfOurs) return true;
    if (!knownAsOurs.has(authority)) {
      const name = nameIn(authority);
      const isOurs = isAddress(name) || names.has(name) || domains.some((domain) => isWithin(name, domain));
      if (!isOurs) throw misdirected(authority);
      if (knownAsOurs.size < knownMax) knownAsOurs.add(authority);
    }
    lastOfOurs = authority;
    return true;
  };
}

/**
 * Host and port as the client names them: an absolute target goes before the header (RFC 9112, 3.2.2). Undefined only
 * in HTTP/1.0, which no browser speaks.
 */
export function authorityOf({ originalUrl, raw }: FastifyRequest): string | undefined {
  // Any other target begins with a slash, or is a star.
  const named = originalUrl.startsWith("/") ? undefined : absoluteForm.exec(originalUrl)?.[1];
  return named ?? (raw.headers[":authority"] as string) ?? raw.headers.host;
}

const absoluteForm = /^https?:\/\/([^/?#]*)/i;

/** The host without its port, as names are compared; empty for what is no host. */
function nameIn(authority: string): string {
  const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(authority) ?? [];
  return plainNameOf(name);
}

/** Case and the dot of the root mean nothing in a name. */
function plainNameOf(name: string): string {
  return name.toLowerCase().replace(/(.)\.$/, "$1");
}

function isAddress(name: string): boolean {
  return name.startsWith("[") ? isIP(name.slice(1, -1)) === 6 : isIP(name) === 4;
}

function isWithin(name: string, domain: string): boolean {
  return name.endsWith(domain) || `.${name}` === domain;
}

function misdirected(authority: string): KeeperError {
  const { hostname = "" } = URL.parse(`http://${authority}`) ?? {};
  const hint =
    hostname === "" ? "" : `; start the service with --allowed-hosts ${hostname} if that is its name`;
  return new KeeperError("misdirected", `This service is not "${authority}"${hint}.`);
}
