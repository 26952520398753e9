// /v1/locks: claims, holders and the queue (API section 6). What a lock is stands in the tree under /locks; a route
// asks for a place in its queue and, where it was asked to, waits until that place holds.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { ClaimView } from "../../core/coordination/claim-facts.ts";
import type { Claim, ReadonlyClaimQueue } from "../../core/coordination/claim-queue.ts";
import { claimViewOf } from "../../core/coordination/claim-view.ts";
import { lockPath } from "../../core/coordination/claims.ts";
import type { ClaimLock } from "../../core/coordination/coordination-command.ts";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { defaultLockSettings } from "../../core/coordination/lock-settings.ts";
import { locksPath } from "../../core/coordination/parts.ts";
import type { Reader } from "../../core/reader.ts";
import { emptyData } from "../../core/tree/znode.ts";
import type { OpenStreams } from "../http/latest-streams.ts";
import { firstOf, forceQuery, listQuery } from "../wire/coordination-schemas.ts";
import { namesQuery } from "../wire/name-pages.ts";
import { writeContextOf } from "../wire/parts.ts";
import {
  claimBody,
  claimSchema,
  configureSchema,
  eventsSchema,
  getClaimSchema,
  getSchema,
  listSchema,
  releaseSchema,
  settingsBody,
  waitForIt,
} from "./lock-schemas.ts";
import { type CoordinationParts, type QueueKind, queueResource } from "./queue-resource.ts";

/** Holders named in one event. */
const eventHoldersMax = 1000;

export function lockRoutes(plainApp: FastifyInstance, parts: CoordinationParts): OpenStreams {
  const { store, sessions } = parts;
  const streams = queueResource(plainApp, parts, locks);
  plainApp
    .withTypeProvider<TypeBoxTypeProvider>()
    .put(
      "/v1/locks/:name",
      { schema: { ...configureSchema, body: Type.Optional(settingsBody) } },
      async (request) => {
        const { name } = request.params;
        validateResourceName(name);
        const context = writeContextOf(request, sessions);
        const { permits, lockDelayMs } = request.body ?? {};
        const { outcome } = await store.submit({
          type: "configureLock",
          name,
          ...(permits !== undefined && { permits }),
          ...(lockDelayMs !== undefined && { lockDelayMs }),
          ...context,
        });
        return { name, ...outcome };
      },
    );
  return streams;
}

const locks: QueueKind<Static<typeof claimBody>> = {
  plural: "locks",
  places: "claims",
  root: locksPath,
  pathOf: lockPath,
  schemas: {
    take: { ...claimSchema, body: Type.Optional(claimBody) },
    find: { ...getClaimSchema, querystring: waitForIt },
    release: { ...releaseSchema, querystring: forceQuery },
    list: { ...listSchema, querystring: namesQuery("Locks") },
    get: { ...getSchema, querystring: listQuery },
    events: eventsSchema,
  },
  take: claimOfLock,
  release: (name, id, force) => ({ type: "releaseClaim", name, id, force }),
  audit: { queue: "lock", place: "claim", message: "a claim was released by force" },
  standingOf: ({ isHeld, position }) => (isHeld ? { state: "held" } : { state: "waiting", position }),
  placeView: claimViewOf,
  summary: lockSummary,
  view: lockView,
  event: "holders",
  eventView: (reader, path) => holdersView(reader, path, eventHoldersMax),
};

function claimOfLock(name: string, body: Partial<Static<typeof claimBody>>): ClaimLock {
  const { mode = "exclusive", permits, waitMs = 0, metadata } = body;
  return {
    type: "claimLock",
    name,
    mode,
    ...(permits !== undefined && { permits }),
    metadata: dataOf(metadata),
    orElse: waitMs > 0 ? "wait" : "refuse",
  };
}

/** JSON, as text; nothing where nothing is said. */
function dataOf(metadata: unknown): Uint8Array {
  return metadata === undefined || metadata === null ? emptyData : Buffer.from(JSON.stringify(metadata));
}

function lockSummary(reader: Reader, name: string) {
  const queue = reader.queue(lockPath(name));
  const { heldCount: holderCount = 0, waitingCount = 0 } = queue ?? {};
  return { name, ...settingsOf(queue), holderCount, waitingCount };
}

function lockView(reader: Reader, name: string, limit: number) {
  const path = lockPath(name);
  const queue = reader.queue(path);
  const waiting: (ClaimView & { position: number })[] = [];
  for (const claim of firstOf(reader, waitingIn(queue), limit)) {
    waiting.push({ ...claimViewOf(reader, claim), position: waiting.length + 1 });
  }
  return {
    ...{ name, path, ...settingsOf(queue), ...holdersView(reader, path, limit) },
    ...{ queue: waiting, waitingCount: queue?.waitingCount ?? 0 },
  };
}

function holdersView(reader: Reader, path: string, limit: number) {
  const queue = reader.queue(path);
  const holders = [...firstOf(reader, queue?.holders(limit) ?? [], limit)];
  const delay = queue?.settings.delay ?? null;
  return {
    holders: holders.map((claim) => claimViewOf(reader, claim)),
    holderCount: queue?.heldCount ?? 0,
    ...(delay !== null && { delayUntilMs: delay.untilMs }),
  };
}

function settingsOf(queue: ReadonlyClaimQueue | undefined) {
  const { permits, lockDelayMs } = queue?.settings ?? defaultLockSettings;
  return { permits, lockDelayMs };
}

/** Those behind the holders. */
function* waitingIn(queue: ReadonlyClaimQueue | undefined): Generator<Claim> {
  if (queue === undefined) return;
  let index = -queue.heldCount;
  for (const claim of queue) {
    if (index >= 0) yield claim;
    index += 1;
  }
}
