// /v1/barriers: double barriers (API section 6). So many enter together, and leave together. Who is in stands in the
// tree under /barriers; a route asks to be let in or out and, where it was asked to, waits for the others.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Attendance } from "../../coordination/attendance.ts";
import { barrierAt, barrierPath, readyName } from "../../core/coordination/barriers.ts";
import type { EnterBarrier, LeaveBarrier } from "../../core/coordination/coordination-command.ts";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { barriersPath } from "../../core/coordination/parts.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { joinPath } from "../../core/tree/path.ts";
import { leaveUnanswered } from "../http/audit.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { namesQuery, pageOfNames } from "../wire/name-pages.ts";
import { jsonBytes, PageSize } from "../wire/page-size.ts";
import { keptReaderFor, type RouteParts, recipeReaderFor, touchSession } from "../wire/parts.ts";
import { type AttendParts, attend, attended } from "./attend.ts";
import { getSchema, listQuery, listSchema, passBody, passSchema } from "./barrier-schemas.ts";

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
