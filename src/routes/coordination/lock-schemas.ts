// Locks on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { claim, claimMembers, claimModes, fenceHeaderMember, fenceMember } from "../wire/claim-schema.ts";
import {
  claimParameters,
  exampleOwner,
  nameParameter,
  validForMs,
  waitMsMember,
  waitQuery,
} from "../wire/coordination-schemas.ts";
import { nextMember } from "../wire/cursors.ts";
import {
  json,
  locationHeader,
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";
import { eventStream, eventsOfAll, eventZxid, wholeStreamHeaders } from "../wire/stream-schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";

const permitsBounds = { minimum: 1, maximum: fixedLimits.permitsMax, ...named("permitsMax") };

export const claimBody = Type.Object(
  {
    mode: Type.Optional(
      Type.Enum([...claimModes], { description: "shared: together with others that are (exclusive)." }),
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
        description:
          "Any JSON, shown to whoever asks for the lock, such as the holder's address. As in any body here, no member of " +
          "it may be named `__proto__`.",
      }),
    ),
  },
  {
    title: "ClaimRequest",
    additionalProperties: false,
    examples: [{ waitMs: 30_000, metadata: { host: "web-1" } }],
  },
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
  {
    title: "LockSettingsRequest",
    additionalProperties: false,
    examples: [{ permits: 1, lockDelayMs: 5000 }],
  },
);

export const waitForIt = waitQuery(
  "Hold the answer back until the claim holds, or for so long, up to a sixteenth less.",
);

const stateMember = Type.Enum(["held", "waiting"], { description: "Whether it holds." });
const position = Type.Integer({ description: "The place among those who wait; 1 is next." });

/** What is answered to who claims, held or not: one shape, so that clients need only one. */
const takenClaim = Type.Object(
  {
    id: Type.String({ description: "The name of its znode." }),
    fence: fenceMember,
    fenceHeader: fenceHeaderMember,
    path: Type.String({ description: "Its znode." }),
    state: stateMember,
    position: Type.Optional(position),
    validForMs: Type.Optional(validForMs),
  },
  { title: "TakenClaim", description: "It has a position while it waits, and validForMs once it holds." },
);

const path = "/locks/reports/x-0000000007";
const exampleFence = { fence: 1042, fenceHeader: `${path}@1042.3f9a01c2d4` };
const exampleClaim = {
  ...{ id: "x-0000000007", path, mode: "exclusive", ...exampleFence },
  ...exampleOwner,
  metadata: { host: "web-1" },
};
const tags = ["locks"];

export const claimSchema = {
  operationId: "claimLock",
  needsSession: true as const,
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
      ...json(takenClaim, "It holds.", {
        id: "x-0000000007",
        state: "held",
        ...exampleFence,
        validForMs: 10_000,
        path,
      }),
      headers: { ...locationHeader, ...replayedHeader },
    },
    202: {
      ...json(
        takenClaim,
        "It waits: `waitMs` ran out, or the log is out of reach; the place is kept as long as the session lives.",
        {
          id: "x-0000000007",
          state: "waiting",
          position: 1,
          ...exampleFence,
          path,
        },
      ),
      headers: { ...locationHeader, ...replayedHeader },
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
  description: "With waitMs it answers once the claim holds, or when the time is up.",
  tags,
  params: claimParameters,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          ...claimMembers,
          state: stateMember,
          position: Type.Optional(position),
          validForMs: Type.Optional(validForMs),
        },
        { title: "ClaimStanding", description: "A claim, and where it stands." },
      ),
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

const permitsMember = Type.Integer({ description: "How many claims hold at once." });
const lockDelayMember = Type.Integer({
  description: "How long nobody new holds after the session of a holder expired.",
});

const settingsMembers = {
  name: Type.String(),
  path: Type.String({ description: "The lock's znode; its children are the claims." }),
  permits: permitsMember,
  lockDelayMs: lockDelayMember,
};

export const listSchema = {
  operationId: "listLocks",
  summary: "The locks there are",
  description: "Each znode under /locks is one; it stays when its last claim has gone, with its settings.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          locks: Type.Array(
            Type.Object(
              {
                name: Type.String(),
                permits: permitsMember,
                lockDelayMs: lockDelayMember,
                holderCount: Type.Integer(),
                waitingCount: Type.Integer(),
              },
              { title: "LockSummary" },
            ),
          ),
          next: nextMember,
        },
        { title: "LockPage" },
      ),
      "A page of locks, in order of their names.",
      { locks: [{ name: "reports", permits: 1, lockDelayMs: 0, holderCount: 1, waitingCount: 2 }] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const holdersMembers = {
  holders: Type.Array(claim),
  holderCount: Type.Integer({ description: "How many hold in all." }),
};

const delayUntilMs = Type.Optional(
  Type.Integer({ description: "Until about then nobody new holds: the last holder expired." }),
);

export const getSchema = {
  operationId: "getLock",
  summary: "Who holds a lock, and who waits",
  description: "A lock that nobody ever claimed is free.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          ...settingsMembers,
          ...holdersMembers,
          queue: Type.Array(Type.Object({ ...claimMembers, position }, { title: "QueuedClaim" })),
          waitingCount: Type.Integer({ description: "How many wait in all." }),
          delayUntilMs,
        },
        { title: "Lock" },
      ),
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
    200: json(Type.Object(settingsMembers, { title: "LockSettings" }), "The settings.", {
      ...{ name: "reports", path: "/locks/reports", permits: 1, lockDelayMs: 5000 },
    }),
    ...problems(...writeProblems, "permits_differ", "ephemeral_parent", "quota_exceeded"),
  },
};

const lockHolders = Type.Object(
  { zxid: eventZxid, ...holdersMembers, delayUntilMs },
  { title: "LockHolders", description: "Who holds as of the zxid." },
);

export const eventsSchema = {
  operationId: "watchLock",
  summary: "Who holds a lock, as Server-Sent Events",
  description: "`holders`: those who hold now, and again at each change; `bye`: a planned close.",
  tags,
  params: nameParameter,
  querystring: wholeStreamQuery,
  headers: wholeStreamHeaders,
  response: {
    200: eventStream(
      'id: 1042.3f9a01c2d4\nevent: holders\ndata: {"zxid":1042,"holders":[],"holderCount":0}\n\n',
      { holders: lockHolders, ...eventsOfAll },
    ),
    ...problems("bad_path", "throttled"),
  },
};
