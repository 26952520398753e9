// What reading routes show: the state that all servers share, of which nobody here can say what has become while the log is
// out of reach, or this server alone, which always knows itself. Each route that reads has a row, so that none is forgotten.

import type { FastifyInstance, RouteOptions } from "fastify";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set by `tellWhatIsRead`: it shows what all servers share. */
    showsState?: boolean;
  }
}

/** POST of what reads where its paths would be too long for a URL. */
const ofTheState: readonly string[] = [
  "GET /v1/znodes",
  "GET /v1/znodes/*",
  "GET /v1/data",
  "GET /v1/data/*",
  "GET /v1/children",
  "GET /v1/children/*",
  "GET /v1/export-children",
  "GET /v1/export-children/*",
  "GET /v1/tree",
  "GET /v1/tree/*",
  "GET /v1/export",
  "GET /v1/export/*",
  "GET /v1/quotas",
  "GET /v1/quotas/*",
  "GET /v1/acl",
  "GET /v1/acl/*",
  "GET /v1/sessions",
  "GET /v1/sessions/:id",
  "GET /v1/sessions/:id/events",
  "GET /v1/watch",
  "POST /v1/watch",
  "POST /v1/batch",
  "GET /v1/locks",
  "GET /v1/locks/:name",
  "GET /v1/locks/:name/claims/:id",
  "GET /v1/locks/:name/events",
  "GET /v1/elections",
  "GET /v1/elections/:name",
  "GET /v1/elections/:name/candidates/:id",
  "GET /v1/elections/:name/events",
  "GET /v1/services",
  "GET /v1/services/:service",
  "GET /v1/services/:service/instances/:id",
  "GET /v1/services/:service/events",
  "GET /v1/counters",
  "GET /v1/counters/:name",
  "GET /v1/barriers",
  "GET /v1/barriers/:name",
  "GET /v1/admin/policies",
  "GET /v1/admin/policies/:name",
  "GET /v1/admin/tokens",
  "GET /v1/admin/tokens/:name",
  "GET /v1/whoami",
];

/** A backup says of which moment it is, and is wanted most of all when the log may not come back. */
const ofThisServer: readonly string[] = [
  "GET /v1/admin/backup",
  "GET /v1/admin/connections",
  "GET /v1/admin/ended-sessions",
  "GET /v1/admin/ended-sessions/:id",
  "GET /v1/admin/servers",
  "GET /v1/admin/watches",
  // A follower is told that the log is out of reach.
  "GET /v1/admin/log",
  "GET /v1/admin/log/end",
  "GET /v1/limits",
  "GET /v1/stats",
];

const showsState: ReadonlyMap<string, boolean> = new Map([
  ...ofTheState.map((row) => [row, true] as const),
  ...ofThisServer.map((row) => [row, false] as const),
]);

/** Call before any route is added; call what it returns after the last one: it fails where a row is of no route. */
export function tellWhatIsRead(app: FastifyInstance): () => void {
  const rows = new Set(showsState.keys());
  app.addHook("onRoute", (route) => {
    const row = rowOf(route);
    if (row === null) return;
    rows.delete(row);
    route.config = { ...route.config, showsState: shows(row) };
  });
  return () => {
    if (rows.size > 0) throw new Error(`reads of routes that are not there: ${[...rows].join(", ")}`);
  };
}

/** Null for a route that reads nothing. One of several methods tells which a resource has. */
function rowOf({ method, url }: RouteOptions): string | null {
  if (typeof method !== "string" || !url.startsWith("/v1")) return null;
  // HEAD is asked for what GET is.
  const row = `${method === "HEAD" ? "GET" : method} ${url}`;
  return row.startsWith("GET ") || showsState.has(row) ? row : null;
}

/** @throws Error where it stands nowhere, which is a fault of ours */
function shows(row: string): boolean {
  const known = showsState.get(row);
  if (known === undefined) throw new Error(`${row} has no row that says what it reads`);
  return known;
}
