// Locks on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import {
  claimParameters,
  eventStream,
  exampleOwner,
  fenceHeaderMember,
  json,
  nameParameter,
  sessionMembers,
  validForMs,
  waitMsMember,
  waitQuery,
} from "../wire/coordination-schemas.ts";
import { nextMember } from "../wire/name-pages.ts";
import {
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";

const permitsBounds = { minimum: 1, maximum: fixedLimits.permitsMax, ...named("permitsMax") };

export const claimBody = Type.Object(
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

export const settingsBody = Type.Object(
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

export const waitForIt = waitQuery(
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
  ...sessionMembers,
  metadata: Type.Unknown({ description: "What it said of itself; null for nothing." }),
};

const answerMembers = { id: Type.String(), fence, fenceHeader: fenceHeaderMember, path: Type.String() };

const path = "/locks/reports/x-0000000007";
const exampleFence = { fence: 1042, fenceHeader: `${path}@1042.3f9a01c2d4` };
const exampleClaim = {
  ...{ id: "x-0000000007", path, mode: "exclusive", ...exampleFence },
  ...exampleOwner,
  metadata: { host: "web-1" },
};
const tags = ["coordination"];

export const claimSchema = {
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
      "mode_differs",
      "permits_differ",
      "ephemeral_parent",
      "quota_exceeded",
      "too_large",
      "idempotency_key_reused",
    ),
  },
};

export const getClaimSchema = {
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

export const releaseSchema = {
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

export const listSchema = {
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

export const getSchema = {
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

export const configureSchema = {
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
    ...problems(...writeProblems, "permits_differ", "ephemeral_parent", "quota_exceeded"),
  },
};

export const eventsSchema = {
  operationId: "watchLock",
  summary: "Who holds a lock, as Server-Sent Events",
  description: "`holders`: those who hold now, and again at each change; `bye`: a planned close.",
  tags,
  params: nameParameter,
  querystring: wholeStreamQuery,
  response: {
    200: eventStream(
      'id: 1042.3f9a01c2d4\nevent: holders\ndata: {"zxid":1042,"holders":[],"holderCount":0}\n\n',
    ),
    ...problems("bad_path", "throttled"),
  },
};
