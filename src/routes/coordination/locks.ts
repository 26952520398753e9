// /v1/locks: claims, holders and the queue (API section 6). What a lock is stands in the tree under /locks; a route
// asks for a place in its queue and, where it was asked to, waits until that place holds.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Logger } from "pino";
import { Type } from "typebox";
import type { Place } from "../../coordination/coordination.ts";
import type { Claim, ClaimQueue } from "../../core/coordination/claim-queue.ts";
import { validateResourceName } from "../../core/coordination/claim-syntax.ts";
import { type ClaimView, claimViewOf } from "../../core/coordination/claim-view.ts";
import { lockPath, locksPath } from "../../core/coordination/claims.ts";
import { fenceHeaderOf } from "../../core/coordination/fence-header.ts";
import { defaultLockSettings } from "../../core/coordination/lock-settings.ts";
import { emptyData } from "../../core/tree/znode.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import type { SessionStreams } from "../sessions/session-events.ts";
import {
  claimParameters,
  eventStream,
  exampleOwner,
  fenceHeaderMember,
  firstOf,
  forceQuery,
  json,
  listQuery,
  nameParameter,
  sessionOfClaim,
  validForMs,
  waitMsMember,
  waitQuery,
} from "../wire/claim-schemas.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { namesQuery, nextMember, pageOfNames } from "../wire/name-pages.ts";
import { type RouteParts, touchSession, writeContextOf } from "../wire/parts.ts";
import {
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";
import { ClaimRequest, type ClaimWaitParts, giveBack } from "./claim-wait.ts";
import { HolderStreams } from "./holder-events.ts";

export type CoordinationParts = RouteParts & ClaimWaitParts & { readonly logger: Logger };

/** Holders named in one event. */
const eventHoldersMax = 1000;

export function lockRoutes(plainApp: FastifyInstance, parts: CoordinationParts): SessionStreams {
  const { store, sessions, logger } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const streams = new HolderStreams(parts);

  app.post(
    "/v1/locks/:name/claims",
    { schema: { ...claimSchema, body: Type.Optional(claimBody) } },
    async (request, reply) => {
      const { name } = request.params;
      const { mode = "exclusive", permits, waitMs = 0, metadata } = request.body ?? {};
      validateResourceName(name);
      const asked = new ClaimRequest(request, reply, parts);
      const context = keyedContextsOf(request, parts)();
      asked.admit(waitMs);
      const commit = await store.submit({
        type: "claimLock",
        name,
        mode,
        ...(permits !== undefined && { permits }),
        metadata: dataOf(metadata),
        orElse: waitMs > 0 ? "wait" : "refuse",
        ...context,
      });
      const { id, fence, made } = commit.outcome;
      const place = await asked.holdWithin(waitMs, { path: lockPath(name), id, fence, made });
      if (place !== "left") {
        noteReplay(reply, commit);
        return sendPlace(reply, name, place, asked);
      }
      const { sessionId } = context;
      await giveBack(store, {
        type: "releaseClaim",
        name,
        id,
        ...(sessionId !== undefined && { sessionId }),
      });
      return reply.hijack();
    },
  );

  app.get(
    "/v1/locks/:name/claims/:id",
    { schema: { ...getClaimSchema, querystring: waitForIt } },
    async (request, reply) => {
      const { name, id } = request.params;
      validateResourceName(name);
      const asked = new ClaimRequest(request, reply, parts);
      const session = asked.session();
      const { waitMs } = request.query;
      asked.admit(waitMs);
      const place = await asked.holdWithin(waitMs, { path: lockPath(name), id });
      if (place === "left") {
        await giveBack(store, {
          type: "releaseClaim",
          name,
          id,
          ...(session !== undefined && { sessionId: session.id }),
        });
        return reply.hijack();
      }
      const { claim, isHeld, position } = place;
      const isOwn = session !== undefined && session.id === claim.owner;
      return {
        ...claimViewOf(store.state, claim),
        ...(isHeld ? held : { state: "waiting", position }),
        ...(isOwn && { validForMs: asked.validForMs() }),
      };
    },
  );

  app.delete(
    "/v1/locks/:name/claims/:id",
    { schema: { ...releaseSchema, querystring: forceQuery } },
    async (request, reply) => {
      const { name, id } = request.params;
      const { force } = request.query;
      validateResourceName(name);
      const context = writeContextOf(request, sessions);
      const { outcome } = await store.submit({ type: "releaseClaim", name, id, force, ...context });
      if (force && outcome.owner !== undefined) {
        const by = { reader: request.ip, session: context.sessionId ?? null };
        logger.warn(
          { audit: true, lock: name, claim: id, owner: outcome.owner, by },
          "a claim was released by force",
        );
      }
      return reply.code(204).send();
    },
  );

  app.get("/v1/locks", { schema: { ...listSchema, querystring: namesQuery("Locks") } }, async (request) => {
    touchSession(request, sessions);
    const { views, ...next } = pageOfNames(store.state, locksPath, request.query, (name) => {
      const queue = store.state.claims.queue(lockPath(name));
      const { heldCount: holderCount = 0, waitingCount = 0 } = queue ?? {};
      return { name, ...settingsOf(queue), holderCount, waitingCount };
    });
    return { locks: views, ...next };
  });

  app.get("/v1/locks/:name", { schema: { ...getSchema, querystring: listQuery } }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, sessions);
    return lockView(name, request.query.limit);
  });

  app.put(
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

  app.get("/v1/locks/:name/events", { schema: eventsSchema, exposeHeadRoute: false }, (request, reply) => {
    const { name } = request.params;
    validateResourceName(name);
    const path = lockPath(name);
    streams.begin(reply, { event: "holders", path, view: () => holdersView(path) });
  });

  function lockView(name: string, limit: number) {
    const path = lockPath(name);
    const queue = store.state.claims.queue(path);
    const waiting: (ClaimView & { position: number })[] = [];
    for (const claim of firstOf(store.state, waitingIn(queue), limit)) {
      waiting.push({ ...claimViewOf(store.state, claim), position: waiting.length + 1 });
    }
    return {
      ...{ name, path, ...settingsOf(queue), ...holdersView(path, limit) },
      ...{ queue: waiting, waitingCount: queue?.waitingCount ?? 0 },
    };
  }

  function holdersView(path: string, limit = eventHoldersMax) {
    const queue = store.state.claims.queue(path);
    const holders = [...firstOf(store.state, queue?.holders(limit) ?? [], limit)];
    const delay = queue?.settings.delay ?? null;
    return {
      holders: holders.map((claim) => claimViewOf(store.state, claim)),
      holderCount: queue?.heldCount ?? 0,
      ...(delay !== null && { delayUntilMs: delay.untilMs }),
    };
  }

  return streams;
}

/** JSON, as text; nothing where nothing is said. */
function dataOf(metadata: unknown): Uint8Array {
  return metadata === undefined || metadata === null ? emptyData : Buffer.from(JSON.stringify(metadata));
}

function settingsOf(queue: ClaimQueue | undefined) {
  const { permits, lockDelayMs } = queue?.settings ?? defaultLockSettings;
  return { permits, lockDelayMs };
}

/** Those behind the holders. */
function* waitingIn(queue: ClaimQueue | undefined): Generator<Claim> {
  if (queue === undefined) return;
  let index = -queue.heldCount;
  for (const claim of queue) {
    if (index >= 0) yield claim;
    index += 1;
  }
}

const held = { state: "held" };

function sendPlace(
  reply: FastifyReply,
  name: string,
  { claim, isHeld, position }: Place,
  asked: ClaimRequest,
) {
  const { id, path, fence } = claim;
  const facts = { id, fence, fenceHeader: fenceHeaderOf(path, fence), path };
  reply.header("Location", `/v1/locks/${encodeURIComponent(name)}/claims/${encodeURIComponent(id)}`);
  if (!isHeld) return reply.code(202).send({ ...facts, state: "waiting", position });
  return reply.code(201).send({ ...facts, state: "held", validForMs: asked.validForMs() });
}

const permitsBounds = { minimum: 1, maximum: fixedLimits.permitsMax, ...named("permitsMax") };

const claimBody = Type.Object(
  {
    mode: Type.Optional(
      Type.Union([Type.Literal("exclusive"), Type.Literal("shared")], {
        description: "shared: together with others that are (exclusive).",
      }),
    ),
    permits: Type.Optional(
      Type.Integer({
        ...permitsBounds,
        description: "What the lock's permits are to be; a lock without claims is given them.",
      }),
    ),
    waitMs: waitMsMember,
    metadata: Type.Optional(
      Type.Unknown({
        description: "Any JSON, shown to whoever asks for the lock, such as the holder's address.",
      }),
    ),
  },
  { additionalProperties: false, examples: [{ waitMs: 30_000, metadata: { host: "web-1" } }] },
);

const settingsBody = Type.Object(
  {
    permits: Type.Optional(
      Type.Integer({
        ...permitsBounds,
        description: "How many claims hold at once; above 1 it is a semaphore.",
      }),
    ),
    lockDelayMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: fixedLimits.lockDelayMsMax,
        ...named("lockDelayMsMax"),
        description: "How long nobody new holds after the session of a holder expired.",
      }),
    ),
  },
  { additionalProperties: false, examples: [{ permits: 1, lockDelayMs: 5000 }] },
);

const waitForIt = waitQuery(
  "Hold the answer back until the claim holds, or for so long, up to a sixteenth less.",
);

const stateMember = Type.String({ description: "held or waiting." });
const position = Type.Integer({ description: "The place among those who wait; 1 is next." });
const fence = Type.Integer({
  description: "Grows from holder to holder. Writes that need the claim carry it: see fenceHeader.",
});

const claimMembers = {
  id: Type.String(),
  path: Type.String({ description: "Its znode." }),
  mode: Type.String({ description: "exclusive or shared." }),
  fence,
  fenceHeader: fenceHeaderMember,
  ...sessionOfClaim,
  metadata: Type.Unknown({ description: "What it said of itself; null for nothing." }),
};

const answerMembers = { id: Type.String(), fence, fenceHeader: fenceHeaderMember, path: Type.String() };

const path = "/locks/reports/x-0000000007";
const exampleFence = { fence: 1042, fenceHeader: `${path}@1042` };
const exampleClaim = {
  ...{ id: "x-0000000007", path, mode: "exclusive", ...exampleFence },
  ...exampleOwner,
  metadata: { host: "web-1" },
};
const tags = ["coordination"];

const claimSchema = {
  operationId: "claimLock",
  summary: "Claim a lock, and wait for it",
  description:
    "Claims hold in the order they came, shared ones together; a session has one claim on a lock, and claiming again " +
    "gives it back. Whoever goes away before the answer gives up the place, unless the request carried an " +
    "`Idempotency-Key`. Sent again with the same key it finds the claim it made, and answers where that stands now.",
  tags,
  params: nameParameter,
  headers: postHeaders,
  response: {
    201: {
      ...json(Type.Object({ ...answerMembers, state: stateMember, validForMs }), "It holds.", {
        id: "x-0000000007",
        state: "held",
        ...exampleFence,
        validForMs: 10_000,
        path,
      }),
      headers: replayedHeader,
    },
    202: {
      ...json(
        Type.Object({ ...answerMembers, state: stateMember, position }),
        "It waits: `waitMs` ran out, and the place is kept as long as the session lives.",
        { id: "x-0000000007", state: "waiting", position: 1, ...exampleFence, path },
      ),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "session_required",
      "no_claim",
      "lock_held",
      "node_exists",
      "not_empty",
      "ephemeral_parent",
      "quota_exceeded",
      "too_large",
      "idempotency_key_reused",
    ),
  },
};

const getClaimSchema = {
  operationId: "getClaim",
  summary: "Where a claim stands; waits until it holds",
  tags,
  params: claimParameters,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({
        ...claimMembers,
        state: stateMember,
        position: Type.Optional(position),
        validForMs: Type.Optional(validForMs),
      }),
      "The claim; with its own session's token, how long that is surely alive.",
      { ...exampleClaim, state: "held", validForMs: 10_000 },
    ),
    ...problems("bad_path", "no_claim", "session_expired", "throttled"),
  },
};

const releaseSchema = {
  operationId: "releaseClaim",
  summary: "Release a claim, or give up its place",
  description: "Harmless when repeated. Those who hold next are told at once, and nobody else is.",
  tags,
  params: claimParameters,
  headers: writeHeaders,
  response: {
    204: { description: "It is gone.", type: "null" },
    ...problems(...writeProblems, "session_required", "no_claim", "not_holder", "not_empty"),
  },
};

const settingsMembers = {
  name: Type.String(),
  path: Type.String({ description: "The lock's znode; its children are the claims." }),
  permits: Type.Integer(),
  lockDelayMs: Type.Integer(),
};

const listSchema = {
  operationId: "listLocks",
  summary: "The locks there are",
  description: "Each znode under /locks is one; it stays when its last claim has gone, with its settings.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({
        locks: Type.Array(
          Type.Object({
            name: Type.String(),
            permits: Type.Integer(),
            lockDelayMs: Type.Integer(),
            holderCount: Type.Integer(),
            waitingCount: Type.Integer(),
          }),
        ),
        next: nextMember,
      }),
      "A page of locks, in order of their names.",
      { locks: [{ name: "reports", permits: 1, lockDelayMs: 0, holderCount: 1, waitingCount: 2 }] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const getSchema = {
  operationId: "getLock",
  summary: "Who holds a lock, and who waits",
  description: "A lock that nobody ever claimed is free.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({
        ...settingsMembers,
        holders: Type.Array(Type.Object(claimMembers)),
        holderCount: Type.Integer(),
        queue: Type.Array(Type.Object({ ...claimMembers, position })),
        waitingCount: Type.Integer(),
        delayUntilMs: Type.Optional(
          Type.Integer({ description: "Until about then nobody new holds: the last holder expired." }),
        ),
      }),
      "The lock.",
      {
        ...{ name: "reports", path: "/locks/reports", permits: 1, lockDelayMs: 0, holders: [exampleClaim] },
        ...{ holderCount: 1, queue: [], waitingCount: 0 },
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const configureSchema = {
  operationId: "configureLock",
  summary: "Settings of a lock",
  description: "What is not named stays as it is. The permits change only while there are no claims.",
  tags,
  params: nameParameter,
  headers: writeHeaders,
  response: {
    200: json(Type.Object(settingsMembers), "The settings.", {
      ...{ name: "reports", path: "/locks/reports", permits: 1, lockDelayMs: 5000 },
    }),
    ...problems(...writeProblems, "not_empty", "ephemeral_parent", "quota_exceeded"),
  },
};

const eventsSchema = {
  operationId: "watchLock",
  summary: "Who holds a lock, as Server-Sent Events",
  description: "`holders`: those who hold now, and again at each change; `bye`: a planned close.",
  tags,
  params: nameParameter,
  querystring: wholeStreamQuery,
  response: {
    200: eventStream('id: 1042\nevent: holders\ndata: {"zxid":1042,"holders":[],"holderCount":0}\n\n'),
    ...problems("bad_path", "throttled"),
  },
};
