// Pages: each may load and ask this service alone, and may not be shown within another. The headers that say so cost
// more than a read of a znode may, so that only pages have them.

import { createHash } from "node:crypto";
import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/** By directive; what is not named is forbidden. */
type Sources = Readonly<Record<string, readonly string[]>>;

/** For the scope in which a page and its parts are served. */
export async function protectPages(scope: FastifyInstance, sources: Sources): Promise<void> {
  await scope.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { ...nothing, ...sources } },
    referrerPolicy: { policy: "no-referrer" },
    crossOriginResourcePolicy: { policy: "same-origin" },
    xFrameOptions: { action: "deny" },
    // A promise of the whole host for a year: of other ports too, and this service may go back to plain HTTP.
    strictTransportSecurity: false,
    // Browsers complain of it on plain HTTP, and these pages open no others.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
  });
}

/** The source that allows this text, where it stands in the page itself. */
export function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const none = ["'none'"];

const nothing = {
  defaultSrc: none,
  baseUri: none,
  formAction: none,
  frameAncestors: none,
};
