// /v1/admin/ended-sessions: why sessions ended, for whoever is asked by their owners. To everybody else a session that is
// gone is gone, whatever the way (N5).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import { type EndedSession, whyEnded } from "../../sessions/ended-sessions.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { nextMember } from "../wire/cursors.ts";
import { json, pageLimit, problems } from "../wire/schemas.ts";

export function endedSessionRoutes(plainApp: FastifyInstance, { ended }: Pick<Sessions, "ended">): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    "/v1/admin/ended-sessions",
    { schema: { ...listSchema, querystring: listQuery } },
    async (request) => {
      requireAdminOfTree(request);
      const { sessions, next } = ended.list(request.query);
      const page = { sessions: sessions.map(shown), sinceMs: ended.sinceMs };
      return next === null ? page : { ...page, next };
    },
  );

  app.get("/v1/admin/ended-sessions/:id", { schema: oneSchema }, async (request) => {
    requireAdminOfTree(request);
    const { id } = request.params;
    const found = ended.get(id);
    if (found !== undefined) return shown(found);
    const since = new Date(ended.sinceMs).toISOString();
    throw new KeeperError(
      "no_route",
      `No session ${id} is known to have ended since ${since}, when this server began to remember; ` +
        "it may be open, or have ended before: the logs reach back further.",
    );
  });
}

function shown(ended: EndedSession) {
  return { ...ended, why: whyEnded(ended) };
}

const idLength = { maxLength: fixedLimits.sessionIdLengthMax, ...named("sessionIdLengthMax") };

const listQuery = Type.Object(
  {
    limit: pageLimit("Sessions in one page."),
    after: Type.Optional(
      Type.String({ ...idLength, description: "Go on with those that ended before this one." }),
    ),
  },
  { additionalProperties: false },
);

const exampleId = "1f3a5c7e9b2d4f60";

const endedSessionSchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String({ description: "The name it was opened with." }),
    reason: Type.Enum(["expired", "closed"], {
      description: "expired: it was silent for too long; closed: it was asked for.",
    }),
    why: Type.String({ description: "The same for people, with figures." }),
    timeoutMs: Type.Integer({ description: "Silence after which it was to end." }),
    openedAtMs: Type.Integer({ description: "Wall time of its opening." }),
    lastHeardAtMs: Type.Integer({ description: "When this server last heard of it, about." }),
    endedAtMs: Type.Integer({ description: "Wall time of its end." }),
    zxid: Type.Integer({ description: "The transaction that ended it." }),
    ephemeralCount: Type.Integer({ description: "Znodes that went in that transaction." }),
    openedBy: Type.Optional(
      Type.String({ description: "Who opened it at this server: an identity, or a network." }),
    ),
    closedBy: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: "Who had this server close it; null where nobody is asked who they are.",
      }),
    ),
  },
  { title: "EndedSession" },
);

const endedSessionPage = Type.Object(
  {
    sessions: Type.Array(endedSessionSchema),
    sinceMs: Type.Integer({ description: "Ends before then are not remembered by this server." }),
    next: nextMember,
  },
  { title: "EndedSessionPage" },
);

const exampleEnded = {
  id: exampleId,
  name: "web-1",
  reason: "expired",
  why: "Nothing was heard of it for 10.1 s, and its timeout was 10 s: its client has ended, stood still, or could not reach the service.",
  timeoutMs: 10_000,
  openedAtMs: 1_700_000_000_000,
  lastHeardAtMs: 1_700_000_349_900,
  endedAtMs: 1_700_000_360_000,
  zxid: 1042,
  ephemeralCount: 1,
  openedBy: "10.0.0.7",
};

const listSchema = {
  operationId: "listEndedSessions",
  summary: "Sessions that ended, and why",
  description: `For an operator. The last come first. This server remembers the last ${fixedLimits.endedSessionsMax} ends since its start.`,
  tags: ["operations"],
  response: {
    200: json(endedSessionPage, "A page of ends.", {
      sessions: [exampleEnded],
      sinceMs: 1_700_000_000_000,
    }),
    ...problems("suspended"),
  },
};

const oneSchema = {
  operationId: "getEndedSession",
  summary: "Why a session ended",
  description: "For an operator, while this server remembers it.",
  tags: ["operations"],
  params: Type.Object({
    id: Type.String({ ...idLength, description: "The session's id.", examples: [exampleId] }),
  }),
  response: {
    200: json(endedSessionSchema, "How it ended.", exampleEnded),
    ...problems("bad_path", "no_route", "suspended"),
  },
};
