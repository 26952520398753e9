// What a request costs its client, where the rate at which clients may ask is bounded (`rates.ts`). A row for each route
// that costs something else than its method says, so that all that is expensive stands in one place.

import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";

export interface Cost {
  readonly units: number | ((request: FastifyRequest) => number);
  /** It gives something up: it is let through by who has nothing left, while its debt is not the deepest. */
  readonly isOnCredit?: true;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set by `priceRoutes`. */
    cost?: Cost;
  }
}

/** What keeps or ends a session, says how the service is and explains it: it costs about what a refusal would. */
const free: Cost = { units: 0 };
const read: Cost = { units: 1 };
const write: Cost = { units: 2 };
/** Of a URL that nothing is at. */
export const costOfNoRoute: Cost = read;
const release: Cost = { units: 2, isOnCredit: true };
const page: Cost = { units: 5 };
/** With what is told on it while it is open. */
const stream: Cost = { units: 5 };
/** Goes through many znodes, be it in one go or in parts. */
const subtree: Cost = { units: 20 };

/** Further bytes of data that cost as much as a read. */
const bytesPerUnit = 16 * 1024;
/** Znodes of long work, such as an import, that cost as much as a read. */
export const znodesPerUnit = 10;

const costs: Readonly<Record<string, Cost>> = {
  "GET /v1/limits": free,
  "GET /metrics": subtree,

  "GET /v1/sessions": page,
  "GET /v1/locks": page,
  "GET /v1/elections": page,
  "GET /v1/services": page,
  "GET /v1/services/:service": page,
  "GET /v1/counters": page,
  "GET /v1/barriers": page,
  "GET /v1/barriers/:name": page,
  "GET /v1/quotas": page,
  "GET /v1/admin/watches": page,
  "GET /v1/admin/ended-sessions": page,
  "GET /v1/admin/connections": page,
  "GET /v1/admin/servers": page,
  "GET /v1/stats": page,
  "GET /v1/children": page,
  "GET /v1/children/*": page,

  "GET /v1/tree": subtree,
  "GET /v1/tree/*": subtree,
  "GET /v1/export": subtree,
  "GET /v1/export/*": subtree,
  "GET /v1/export-children": subtree,
  "GET /v1/export-children/*": subtree,
  "DELETE /v1/tree": subtree,
  "DELETE /v1/tree/*": subtree,
  "DELETE /v1/tree-with-progress": subtree,
  "DELETE /v1/tree-with-progress/*": subtree,
  "DELETE /v1/znodes": { units: unitsOfDelete },
  "DELETE /v1/znodes/*": { units: unitsOfDelete },
  "POST /v1/import": subtree,
  "POST /v1/import-with-progress": subtree,

  "GET /v1/admin/backup": subtree,
  "GET /v1/admin/log": stream,

  "GET /v1/watch": stream,
  "POST /v1/watch": stream,
  "GET /v1/sessions/:id/events": stream,
  "GET /v1/services/:service/events": stream,
  "GET /v1/locks/:name/events": stream,
  "GET /v1/elections/:name/events": stream,

  "DELETE /v1/locks/:name/claims/:id": release,
  "DELETE /v1/elections/:name/candidates/:id": release,
  "DELETE /v1/services/:service/instances/:id": release,
};

/** Of a request with its body, beside what its route costs. */
export function unitsOfBody({ body }: FastifyRequest): number {
  if (Buffer.isBuffer(body)) return unitsOfBytes(body.byteLength);
  const { operations } = (body ?? {}) as { operations?: unknown };
  return Array.isArray(operations) ? operations.length : 0;
}

export function unitsOfBytes(bytes: number): number {
  return Math.floor(bytes / bytesPerUnit);
}

/** Call before any route is added; call what it returns after the last one: it fails where a row is of no route. */
export function priceRoutes(app: FastifyInstance): () => void {
  const rows = new Set(Object.keys(costs));
  app.addHook("onRoute", (route) => {
    // GET and what is asked in the same way have one cost; a route for several methods has no row.
    const row = `${route.method === "HEAD" ? "GET" : route.method} ${route.url}`;
    rows.delete(row);
    route.config = { ...route.config, cost: costOf(route, row) };
  });
  return () => {
    if (rows.size > 0) throw new Error(`costs of routes that are not there: ${[...rows].join(", ")}`);
  };
}

function costOf({ method, url, config }: RouteOptions, row: string): Cost {
  if (config?.isServedAlways || method === "OPTIONS") return free;
  const cost = costs[row];
  if (cost !== undefined || !url.startsWith("/v1")) return cost ?? free;
  return method === "GET" || method === "HEAD" ? read : write;
}

function unitsOfDelete({ query }: FastifyRequest): number {
  const { recursive } = query as { recursive?: unknown };
  return recursive === "true" ? (subtree.units as number) : (write.units as number);
}
