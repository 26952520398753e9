// /v1/barriers: double barriers (API section 6). So many enter together, and leave together. Who is in stands in the
// tree under /barriers; a route asks to be let in or out and, where it was asked to, waits for the others.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import type { Attendance } from "../../coordination/attendance.ts";
import { barrierAt, barrierPath, readyName } from "../../core/coordination/barriers.ts";
import type { EnterBarrier, LeaveBarrier } from "../../core/coordination/coordination-command.ts";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { barriersPath } from "../../core/coordination/parts.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { joinPath } from "../../core/tree/path.ts";
import { leaveUnanswered } from "../http/audit.ts";
import { sessionMembers } from "../wire/claim-schema.ts";
import { exampleOwner, nameParameter, validForMs, waitMsBounds } from "../wire/coordination-schemas.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { namesQuery, nextMember, pageOfNames } from "../wire/name-pages.ts";
import { jsonBytes, PageSize } from "../wire/page-size.ts";
import { keptReaderFor, type RouteParts, recipeReaderFor, touchSession } from "../wire/parts.ts";
import {
  json,
  pageLimit,
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeProblems,
} from "../wire/schemas.ts";
import { countForm, nameForm } from "../wire/text-forms.ts";
import { type AttendParts, attend, attended } from "./attend.ts";

type BarrierParts = RouteParts & AttendParts;

export function barrierRoutes(plainApp: FastifyInstance, parts: BarrierParts): void {
  const { store, sessions } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.post("/v1/barriers/:name", { schema: { ...passSchema, body: passBody } }, async (request, reply) => {
    const { name } = request.params;
    const { action, count, participant, waitMs = 0 } = request.body;
    validateResourceName(name);
    const context = keyedContextsOf(request, parts)();
    const asked = attend(request, reply, parts, { waitMs, path: barrierPath(name), verb: "coordinate" });
    const named = { name, ...(participant !== undefined && { participant }), ...context };
    if (action === "leave") {
      const leave = { type: "leaveBarrier", ...named, ...(count !== undefined && { count }) } as const;
      return leaveBarrier(reply, asked, parts, leave);
    }
    if (count === undefined) throw countMissing();
    return enterBarrier(reply, asked, parts, { type: "enterBarrier", ...named, count });
  });

  app.get(
    "/v1/barriers",
    { schema: { ...listSchema, querystring: namesQuery("Barriers") } },
    async (request) => {
      touchSession(request, sessions);
      const { views, ...next } = pageOfNames(
        keptReaderFor(request, store),
        barriersPath,
        request.query,
        (name) => {
          const path = barrierPath(name);
          const { count, participantCount, round } = barrierAt(recipeReaderFor(request, store, path), path);
          return { name, count, participantCount, open: round !== null };
        },
      );
      return { barriers: views, ...next };
    },
  );

  app.get("/v1/barriers/:name", { schema: { ...getSchema, querystring: listQuery } }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, sessions);
    const path = barrierPath(name);
    const reader = recipeReaderFor(request, store, path);
    const { count, participantCount, round } = barrierAt(reader, path);
    const participants = participantsOf(reader, path, request.query.limit);
    return { name, path, count, open: round !== null, participants, participantCount };
  });
}

async function enterBarrier(
  reply: FastifyReply,
  asked: Attendance,
  { coordination }: BarrierParts,
  enter: EnterBarrier,
) {
  const entered = await attended(asked, coordination.barriers.enter(asked, enter));
  if (entered === null) return leaveUnanswered(reply);
  const { commit, participation, validForMs } = entered;
  const { participant, path } = commit.outcome;
  noteReplay(reply, commit);
  const { state, participantCount } = participation;
  const facts = { participant, state, path, count: enter.count, participantCount };
  if (state === "waiting") return reply.code(202).send(facts);
  return reply.code(201).send({ ...facts, validForMs });
}

async function leaveBarrier(
  reply: FastifyReply,
  asked: Attendance,
  { coordination }: BarrierParts,
  leave: LeaveBarrier,
) {
  const { commit, leavers } = await attended(asked, coordination.barriers.leave(asked, leave));
  const { participant } = commit.outcome;
  noteReplay(reply, commit);
  if (leavers.isOver) return reply.code(200).send({ participant, state: "left" });
  const { participantCount } = leavers;
  return reply.code(202).send({ participant, state: "leaving", participantCount });
}

function participantsOf(reader: Reader, barrier: string, limit: number) {
  const participants: object[] = [];
  const size = new PageSize();
  for (const participant of reader.childNames(barrier)) {
    if (participant === readyName) continue;
    if (participants.length === limit) break;
    const path = joinPath(barrier, participant);
    const session = reader.get(path)?.ephemeralOwner ?? null;
    const sessionName = session === null ? "" : (reader.session(session)?.name ?? "");
    const view = { participant, path, session, sessionName };
    if (!size.takes(jsonBytes(view))) break;
    participants.push(view);
  }
  return participants;
}

function countMissing(): KeeperError {
  return new KeeperError("bad_request", "Say for how many participants the barrier opens: give count.");
}

const listQuery = Type.Object(
  { limit: pageLimit("Of the participants the first so many are listed, in code-unit order.") },
  { additionalProperties: false },
);

const participant = Type.String({ description: "The name of its znode." });

const passBody = Type.Object(
  {
    action: Type.Enum(["enter", "leave"], { description: "Whether to get in or out." }),
    count: Type.Optional(
      Type.Integer({
        ...countForm,
        description:
          "How many must be in for the barrier to open, up to barrierCountMax; all who are in agree on it. Who leaves " +
          "need not say it.",
      }),
    ),
    participant: Type.Optional(
      Type.String({
        ...nameForm,
        description: "Names the participant, where one session speaks for several (the session's id).",
      }),
    ),
    waitMs: Type.Optional(
      Type.Integer({
        ...waitMsBounds,
        description:
          "How long to wait for the others (0), up to a sixteenth less; to wait longer, ask again.",
      }),
    ),
  },
  {
    title: "BarrierRequest",
    additionalProperties: false,
    examples: [{ action: "enter", count: 1, waitMs: 30_000 }],
  },
);

const counts = {
  count: Type.Union([Type.Integer(), Type.Null()], {
    description: "How many must be in; null where nobody has said.",
  }),
  participantCount: Type.Integer({ description: "How many are in." }),
};

const exampleParticipant = { participant: "web-1", path: "/barriers/reports/web-1" };
const tags = ["barriers"];

/** What is answered to who enters or leaves, done or not: one shape, so that clients need only one. */
const barrierPass = Type.Object(
  {
    participant,
    state: Type.Enum(["open", "waiting", "leaving", "left"], {
      description:
        "open: in, with all others; waiting: in, and others are not yet; leaving and left likewise.",
    }),
    path: Type.Optional(Type.String({ description: "Its znode, while it is in." })),
    count: Type.Optional(Type.Integer({ description: "How many must be in." })),
    participantCount: Type.Optional(counts.participantCount),
    validForMs: Type.Optional(validForMs),
  },
  { title: "BarrierPass" },
);

const passSchema = {
  operationId: "passBarrier",
  needsSession: true as const,
  summary: "Enter a double barrier together, or leave it together",
  description:
    "A barrier opens when `count` participants are in, and stays open until the last has left: whoever was in when it " +
    "opened gets in, even if others have left since. Asking again goes on waiting. Whoever goes away before it opens is " +
    "in no more, unless the request carried an `Idempotency-Key`. Enter again only after `leave` was answered with 200: " +
    "a barrier that is open lets everybody in.",
  tags,
  params: nameParameter,
  headers: postHeaders,
  response: {
    200: {
      ...json(
        barrierPass,
        "All have left; or it left a barrier that was not open, and there is nobody to wait for.",
        { participant: "web-1", state: "left" },
      ),
      headers: replayedHeader,
    },
    201: {
      ...json(barrierPass, "It is in, and the barrier is open.", {
        ...{ ...exampleParticipant, state: "open", count: 3, participantCount: 3, validForMs: 10_000 },
      }),
      headers: replayedHeader,
    },
    202: {
      ...json(
        barrierPass,
        "`waitMs` ran out, or the log is out of reach. It is in, and others are not yet; or it has left, and others have not yet.",
        { ...exampleParticipant, state: "waiting", count: 3, participantCount: 1 },
      ),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "session_required",
      "reserved_path",
      "no_claim",
      "not_holder",
      "count_differs",
      "not_empty",
      "ephemeral_parent",
      "quota_exceeded",
      "idempotency_key_reused",
    ),
  },
};

const listSchema = {
  operationId: "listBarriers",
  summary: "The barriers there are",
  description: "Each znode under /barriers is one; it stays when its last participant has gone.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          barriers: Type.Array(
            Type.Object(
              {
                ...{ name: Type.String(), ...counts },
                open: Type.Boolean({ description: "Whether so many were in, and somebody still is." }),
              },
              { title: "BarrierSummary" },
            ),
          ),
          next: nextMember,
        },
        { title: "BarrierPage" },
      ),
      "A page of barriers, in order of their names.",
      { barriers: [{ name: "reports", count: 3, participantCount: 1, open: false }] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const getSchema = {
  operationId: "getBarrier",
  summary: "Who is in a barrier, and whether it is open",
  description: "A barrier that nobody ever entered is empty.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          name: Type.String(),
          path: Type.String({ description: "The barrier's znode; its children are the participants." }),
          count: counts.count,
          open: Type.Boolean({ description: "Whether so many were in, and somebody still is." }),
          participants: Type.Array(
            Type.Object(
              { participant, path: Type.String(), ...sessionMembers },
              { title: "BarrierParticipant" },
            ),
          ),
          participantCount: counts.participantCount,
        },
        { title: "Barrier" },
      ),
      "The barrier.",
      {
        ...{ name: "reports", path: "/barriers/reports", count: 3, open: false },
        ...{ participants: [{ ...exampleParticipant, ...exampleOwner }], participantCount: 1 },
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};
