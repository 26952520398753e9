// Sessions on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { fenceHeaderMember } from "../wire/claim-schema.ts";
import { afterPath, nextMember } from "../wire/cursors.ts";
import { instanceState } from "../wire/instance-schemas.ts";
import {
  idempotencyKeyHeader,
  json,
  locationHeader,
  pageLimit,
  problems,
  readHeaders,
  replayedHeader,
  tokenLength,
} from "../wire/schemas.ts";
import { tokenForm } from "../wire/text-forms.ts";

const idLength = { maxLength: fixedLimits.sessionIdLengthMax, ...named("sessionIdLengthMax") };

const idParameter = Type.Object({
  id: Type.String({ ...idLength, description: "The session's id.", examples: ["1f3a5c7e9b2d4f60"] }),
});

const tokenHeader = Type.Object({
  "session-token": Type.String({ ...tokenLength, ...tokenForm, description: "The session's own token." }),
});

export const openBody = Type.Object(
  {
    timeoutMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "Silence after which the session ends; moved into the bounds the server has.",
      }),
    ),
    name: Type.Optional(
      Type.String({
        maxLength: fixedLimits.sessionNameLengthMax,
        ...named("sessionNameLengthMax"),
        description: "A word for people who read listings.",
      }),
    ),
  },
  {
    title: "SessionRequest",
    additionalProperties: false,
    examples: [{ timeoutMs: 10_000, name: "web-1" }],
  },
);

const validForMs = Type.Integer({
  description: "Counts from when the request was sent: without another success by then, stop acting for it.",
});

const openedSession = Type.Object(
  {
    id: Type.String({ description: "Public: what ephemeralOwner shows." }),
    token: Type.String({ description: "Secret, shown once; send it as Session-Token." }),
    timeoutMs: Type.Integer({ description: "The timeout granted." }),
    validForMs,
  },
  { title: "OpenedSession" },
);

const keptSession = Type.Object(
  {
    id: Type.String(),
    timeoutMs: Type.Integer({ description: "Silence after which the session ends." }),
    validForMs,
    zxid: Type.Integer({ description: "The last transaction the server has done." }),
  },
  { title: "KeptSession" },
);

const summary = {
  id: Type.String(),
  name: Type.String({ description: "The name it was opened with." }),
  state: Type.Enum(["open", "closing"], { description: "closing: its end is being written." }),
  timeoutMs: Type.Integer({ description: "Silence after which it ends." }),
  remainingMs: Type.Integer({ description: "Until it would expire if it stayed silent." }),
  openedAtMs: Type.Integer({ description: "Wall time of its opening." }),
  openedZxid: Type.Integer({ description: "The transaction that opened it." }),
  ephemeralCount: Type.Integer({ description: "Znodes that live with it." }),
};

export const tokensBody = Type.Object(
  {
    tokens: Type.Array(Type.String(tokenLength), {
      maxItems: fixedLimits.keepaliveTokensMax,
      ...named("keepaliveTokensMax"),
      description: "The tokens of the sessions to renew.",
    }),
  },
  {
    title: "KeepaliveRequest",
    additionalProperties: false,
    examples: [{ tokens: ["pYx0R6yq2cPfQm8tq3n2o9gq1Hh5Yc0l2Tt3bq3b9nE"] }],
  },
);

export const ownedQuery = Type.Object(
  {
    limit: pageLimit("Ephemerals in one page."),
    after: afterPath(),
  },
  { additionalProperties: false },
);

export const listQuery = Type.Object(
  {
    limit: pageLimit("Sessions in one page."),
    after: Type.Optional(Type.String({ ...idLength, description: "Go on after this id." })),
  },
  { additionalProperties: false },
);

const exampleId = "1f3a5c7e9b2d4f60";
const tags = ["sessions"];

export const openSchema = {
  operationId: "openSession",
  summary: "Open a session",
  description:
    "Sent again with the same `Idempotency-Key` it answers the same session and token, and renews the session. When " +
    "the session has ended since, the answer is still the same, and the first use of the token gets " +
    "`session_expired`. Whoever knows the key can ask for the token: choose it at random and keep it as secret.",
  tags,
  headers: Type.Object(idempotencyKeyHeader),
  response: {
    201: {
      ...json(openedSession, "The session is open, and durable.", {
        id: exampleId,
        token: "pYx0R6yq2cPfQm8tq3n2o9gq1Hh5Yc0l2Tt3bq3b9nE",
        timeoutMs: 10_000,
        validForMs: 10_000,
      }),
      headers: { ...locationHeader, ...replayedHeader },
    },
    ...problems("throttled", "read_only", "suspended", "too_large", "idempotency_key_reused"),
  },
};

const exampleAlive = { id: exampleId, timeoutMs: 10_000, validForMs: 10_000, zxid: 1042 };

export const keepaliveSchema = {
  operationId: "keepSessionAlive",
  needsSession: true as const,
  summary: "Renew a session",
  description: "Costs no disk and no zxid. Any other request with the token renews the session as well.",
  tags,
  params: idParameter,
  headers: Type.Partial(tokenHeader),
  response: {
    200: json(keptSession, "The session has its full timeout again.", exampleAlive),
    ...problems("bad_path", "session_required", "session_expired"),
  },
};

export const keepaliveManySchema = {
  operationId: "keepSessionsAlive",
  summary: "Renew many sessions at once",
  description:
    "For one client with many sessions. Each has a result of its own, and one that is gone is no reason to refuse the others.",
  tags,
  response: {
    200: json(
      Type.Object(
        {
          results: Type.Array(
            Type.Object(
              {
                ...Type.Partial(Type.Object(keptSession.properties)).properties,
                problem: Type.Optional(Type.Unsafe<object>({ $ref: "Problem#" })),
              },
              { title: "KeptSessionOrProblem" },
            ),
            { description: "For each token, in order: the renewed session, or the problem." },
          ),
        },
        { title: "KeptSessions" },
      ),
      "What became of each.",
      { results: [exampleAlive] },
    ),
    ...problems("too_large"),
  },
};

const exampleSummary = {
  id: exampleId,
  name: "web-1",
  state: "open",
  timeoutMs: 10_000,
  remainingMs: 8750,
  openedAtMs: 1_700_000_000_000,
  openedZxid: 1041,
  ephemeralCount: 1,
};

const exampleFence = { fence: 1042, fenceHeader: "/locks/reports/x-0000000007@1042.3f9a01c2d4" };

const sessionClaim = Type.Object(
  {
    id: Type.String(),
    path: Type.String({ description: "Its znode." }),
    state: Type.Enum(["held", "leading", "waiting"], {
      description: "held or waiting; of a candidate, leading or waiting.",
    }),
    fence: Type.Integer({ description: "Grows from holder to holder." }),
    fenceHeader: fenceHeaderMember,
    position: Type.Optional(Type.Integer({ description: "The place among those who wait; 1 is next." })),
  },
  { title: "SessionClaim" },
);

const instanceOfSession = Type.Object(
  {
    id: Type.String(),
    service: Type.String(),
    path: Type.String({ description: "Its znode." }),
    fence: Type.Integer({ description: "Send it with writes, as `Fence: <path>@<fence>`." }),
    state: instanceState,
  },
  { title: "SessionInstance" },
);

export const describeSchema = {
  operationId: "getSession",
  summary: "State of a session, its ephemeral znodes, its claims and its instances of services",
  description: "To be asked by whoever knows the id: no token is shown.",
  tags,
  params: idParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          ...summary,
          ephemerals: Type.Array(Type.String(), {
            description: "A page of them, in code-unit order; claims and instances are of the same page.",
          }),
          next: Type.Optional(
            Type.String({ description: "It owns more: ask again with after set to this." }),
          ),
          claims: Type.Array(sessionClaim, {
            description: "Those of the ephemerals that are claims on locks or candidates of elections.",
          }),
          instances: Type.Array(instanceOfSession, {
            description: "Those of the ephemerals that are instances of services.",
          }),
        },
        { title: "Session" },
      ),
      "The session.",
      {
        ...exampleSummary,
        ephemerals: ["/locks/reports/x-0000000007"],
        claims: [{ id: "x-0000000007", path: "/locks/reports/x-0000000007", state: "held", ...exampleFence }],
        instances: [],
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

export const listSchema = {
  operationId: "listSessions",
  summary: "All sessions, in pages",
  description: "For an operator: no tokens are shown.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          sessions: Type.Array(Type.Object(summary, { title: "SessionSummary" })),
          next: nextMember,
        },
        { title: "SessionPage" },
      ),
      "A page of sessions, in order of their ids.",
      { sessions: [exampleSummary] },
    ),
    ...problems("session_expired"),
  },
};

export const closeSchema = {
  operationId: "closeSession",
  needsSession: true as const,
  summary: "Close a session; its ephemeral znodes go with it",
  description: "All of them go in one transaction, which is done before the answer.",
  tags,
  params: idParameter,
  headers: Type.Partial(tokenHeader),
  response: {
    204: { description: "The session and all its ephemerals are gone, in one transaction.", type: "null" },
    ...problems("bad_path", "session_required", "session_expired", "read_only", "suspended"),
  },
};
