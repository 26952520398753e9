// /v1/barriers: double barriers (API section 6). So many enter together, and leave together. Who is in stands in the
// tree under /barriers; a route asks to be let in or out and, where it was asked to, waits for the others.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import { barrierAt, barrierPath, barriersPath, readyName } from "../../core/coordination/barriers.ts";
import { validateResourceName } from "../../core/coordination/claim-syntax.ts";
import type {
  EnterBarrier,
  Entered,
  LeaveBarrier,
  Left,
} from "../../core/coordination/coordination-command.ts";
import { KeeperError } from "../../core/errors.ts";
import { joinPath, parentPath } from "../../core/tree/path.ts";
import {
  exampleOwner,
  json,
  nameParameter,
  sessionOfClaim,
  validForMs,
  waitMsBounds,
} from "../wire/claim-schemas.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { namesQuery, nextMember, pageOfNames } from "../wire/name-pages.ts";
import { jsonBytes, PageSize } from "../wire/page-size.ts";
import { type RouteParts, touchSession } from "../wire/parts.ts";
import {
  pageLimit,
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeProblems,
} from "../wire/schemas.ts";
import { ClaimRequest, type ClaimWaitParts, giveBack } from "./claim-wait.ts";

type BarrierParts = RouteParts & ClaimWaitParts;

export function barrierRoutes(plainApp: FastifyInstance, parts: BarrierParts): void {
  const { store, sessions } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.post("/v1/barriers/:name", { schema: { ...passSchema, body: passBody } }, async (request, reply) => {
    const { name } = request.params;
    const { action, count, participant, waitMs = 0 } = request.body;
    validateResourceName(name);
    const asked = new ClaimRequest(request, reply, parts);
    const context = keyedContextsOf(request, parts)();
    asked.admit(waitMs);
    const named = { name, ...(participant !== undefined && { participant }), ...context };
    if (action === "leave") {
      const leave = { type: "leaveBarrier", ...named, ...(count !== undefined && { count }) } as const;
      return leaveBarrier(reply, asked, leave, waitMs);
    }
    if (count === undefined) throw countMissing();
    return enterBarrier(reply, asked, { type: "enterBarrier", ...named, count }, waitMs);
  });

  async function enterBarrier(reply: FastifyReply, asked: ClaimRequest, enter: EnterBarrier, waitMs: number) {
    const commit = await store.submit(enter);
    const { outcome: entered, replayed = false } = commit;
    const standing = await openWithin(parts, asked, { waitMs, entered, replayed });
    if (standing === "left") {
      const { name, sessionId } = enter;
      const { participant } = entered;
      await giveBack(store, {
        type: "leaveBarrier",
        name,
        participant,
        ...(sessionId !== undefined && { sessionId }),
      });
      return reply.hijack();
    }
    noteReplay(reply, commit);
    return sendEntered(reply, asked, { ...entered, ...standing, count: enter.count });
  }

  async function leaveBarrier(reply: FastifyReply, asked: ClaimRequest, leave: LeaveBarrier, waitMs: number) {
    const commit = await store.submit(leave);
    const { outcome: left, replayed = false } = commit;
    const standing = await leftWithin(parts, asked, { waitMs, name: leave.name, left, replayed });
    noteReplay(reply, commit);
    return sendLeft(reply, left.participant, standing);
  }

  app.get(
    "/v1/barriers",
    { schema: { ...listSchema, querystring: namesQuery("Barriers") } },
    async (request) => {
      touchSession(request, sessions);
      const { views, ...next } = pageOfNames(store.state, barriersPath, request.query, (name) => {
        const { count, participantCount, round } = barrierAt(store.state.tree, barrierPath(name));
        return { name, count, participantCount, open: round !== null };
      });
      return { barriers: views, ...next };
    },
  );

  app.get("/v1/barriers/:name", { schema: { ...getSchema, querystring: listQuery } }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, sessions);
    const { path, count, participantCount, round } = barrierAt(store.state.tree, barrierPath(name));
    const participants = participantsOf(path, request.query.limit);
    return { name, path, count, open: round !== null, participants, participantCount };
  });

  function participantsOf(barrier: string, limit: number) {
    const participants: object[] = [];
    const size = new PageSize();
    for (const participant of store.state.tree.childNames(barrier)) {
      if (participant === readyName) continue;
      if (participants.length === limit) break;
      const path = joinPath(barrier, participant);
      const session = store.state.tree.get(path)?.ephemeralOwner ?? null;
      const sessionName = session === null ? "" : (store.state.session(session)?.name ?? "");
      const view = { participant, path, session, sessionName };
      if (!size.takes(jsonBytes(view))) break;
      participants.push(view);
    }
    return participants;
  }
}

interface Entering {
  readonly waitMs: number;
  readonly entered: Entered;
  /** Whoever asks again is told where it stands now, not where it stood. */
  readonly replayed: boolean;
}

interface Standing {
  readonly state: "open" | "waiting";
  readonly participantCount: number;
}

/**
 * Where the participant stands: as it entered, if nothing is to be waited for; else when the barrier is open, when the
 * time is up or when the client has gone: then it `left`, and its place is to go as well.
 * @throws KeeperError `session_expired` or `no_claim` when it is in no more
 */
async function openWithin(
  { store, coordination }: BarrierParts,
  asked: ClaimRequest,
  { waitMs, entered, replayed }: Entering,
): Promise<Standing | "left"> {
  const { path, czxid } = entered;
  const isEnough = !replayed && (entered.isOpen || waitMs === 0);
  let standing: Standing | "gone" = isEnough ? standingOf(entered) : standingNow();
  const thing = `${path}@${czxid}`;
  if (entered.made) coordination.untold.add(thing);
  let isAlone = !coordination.barriers.isEntering(path);
  if (standing !== "gone" && standing.state === "waiting" && waitMs > 0) {
    const waited = await asked.waitFor(waitMs, () => coordination.barriers.untilOpen(path));
    isAlone = waited.isAlone;
    standing = standingNow(waited.end === "open");
  }
  if (asked.givesUp(thing, isAlone)) return "left";
  if (standing !== "gone") return standing;
  asked.session();
  throw notIn(entered);

  /** @param wasOpened it was in when the barrier opened, and has got in, whatever came after */
  function standingNow(wasOpened = false): Standing | "gone" {
    if (!wasOpened && store.state.tree.get(path)?.czxid !== czxid) return "gone";
    const { participantCount, round } = barrierAt(store.state.tree, parentPath(path));
    return { state: wasOpened || round !== null ? "open" : "waiting", participantCount };
  }
}

function standingOf({ isOpen, participantCount }: Entered): Standing {
  return { state: isOpen ? "open" : "waiting", participantCount };
}

function notIn({ path }: Entered): KeeperError {
  return new KeeperError("no_claim", `${path} is in the barrier no more: it left, or its session ended.`, {
    path,
  });
}

interface Leaving {
  readonly waitMs: number;
  readonly name: string;
  readonly left: Left;
  /** As for those who enter. */
  readonly replayed: boolean;
}

interface Leavers {
  /** Whether all have left. */
  readonly isOver: boolean;
  readonly participantCount: number;
}

/** Who is still in: as it left, if nothing is to be waited for; else when all have left, or when the time is up. */
async function leftWithin(
  { store, coordination }: BarrierParts,
  asked: ClaimRequest,
  { waitMs, name, left: { round, participantCount }, replayed }: Leaving,
): Promise<Leavers> {
  const path = barrierPath(name);
  if (round === null || participantCount === 0) return { isOver: true, participantCount };
  if (!replayed && waitMs === 0) return { isOver: false, participantCount };
  const now = leaversNow();
  if (now.isOver || waitMs === 0) return now;
  const { end } = await asked.waitFor(waitMs, () => coordination.barriers.untilOver(path, round));
  return end === "over" ? { ...now, isOver: true } : leaversNow();

  function leaversNow(): Leavers {
    const barrier = barrierAt(store.state.tree, path);
    return { isOver: barrier.round !== round, participantCount: barrier.participantCount };
  }
}

interface EnteredFacts extends Standing, Pick<Entered, "participant" | "path"> {
  readonly count: number;
}

function sendEntered(
  reply: FastifyReply,
  asked: ClaimRequest,
  { participant, state, path, count, participantCount }: EnteredFacts,
) {
  const facts = { participant, state, path, count, participantCount };
  if (state === "waiting") return reply.code(202).send(facts);
  return reply.code(201).send({ ...facts, validForMs: asked.validForMs() });
}

function sendLeft(reply: FastifyReply, participant: string, { isOver, participantCount }: Leavers) {
  if (!isOver) return reply.code(202).send({ participant, state: "leaving", participantCount });
  return reply.code(200).send({ participant, state: "left" });
}

function countMissing(): KeeperError {
  return new KeeperError("bad_request", "Whoever enters says for how many the barrier opens: give count.");
}

const listQuery = Type.Object(
  { limit: pageLimit("Of the participants the first so many are listed, in code-unit order.") },
  { additionalProperties: false },
);

const participant = Type.String({ description: "The name of its znode." });

const passBody = Type.Object(
  {
    action: Type.Union([Type.Literal("enter"), Type.Literal("leave")]),
    count: Type.Optional(
      Type.Integer({
        description:
          "How many must be in for the barrier to open, up to barrierCountMax; all who are in agree on it. Who leaves " +
          "need not say it.",
      }),
    ),
    participant: Type.Optional(
      Type.String({
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
  { additionalProperties: false, examples: [{ action: "enter", count: 1, waitMs: 30_000 }] },
);

const counts = {
  count: Type.Union([Type.Integer(), Type.Null()], {
    description: "How many must be in; null where nobody has said.",
  }),
  participantCount: Type.Integer({ description: "How many are in." }),
};

const exampleParticipant = { participant: "web-1", path: "/barriers/reports/web-1" };
const tags = ["coordination"];

const passSchema = {
  operationId: "passBarrier",
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
        Type.Object({ participant, state: Type.Literal("left") }),
        "All have left; or it left a barrier that was not open, and there is nobody to wait for.",
        { participant: "web-1", state: "left" },
      ),
      headers: replayedHeader,
    },
    201: {
      ...json(
        Type.Object({
          ...{ participant, state: Type.Literal("open"), path: Type.String(), ...counts },
          validForMs,
        }),
        "It is in, and the barrier is open.",
        { ...exampleParticipant, state: "open", count: 3, participantCount: 3, validForMs: 10_000 },
      ),
      headers: replayedHeader,
    },
    202: {
      ...json(
        Type.Object({
          participant,
          state: Type.Union([Type.Literal("waiting"), Type.Literal("leaving")]),
          path: Type.Optional(Type.String()),
          count: Type.Optional(counts.count),
          participantCount: counts.participantCount,
        }),
        "`waitMs` ran out. It is in, and others are not yet; or it has left, and others have not yet.",
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
      Type.Object({
        barriers: Type.Array(
          Type.Object({
            ...{ name: Type.String(), ...counts },
            open: Type.Boolean({ description: "Whether so many were in, and somebody still is." }),
          }),
        ),
        next: nextMember,
      }),
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
      Type.Object({
        name: Type.String(),
        path: Type.String({ description: "The barrier's znode; its children are the participants." }),
        count: counts.count,
        open: Type.Boolean({ description: "Whether so many were in, and somebody still is." }),
        participants: Type.Array(Type.Object({ participant, path: Type.String(), ...sessionOfClaim })),
        participantCount: counts.participantCount,
      }),
      "The barrier.",
      {
        ...{ name: "reports", path: "/barriers/reports", count: 3, open: false },
        ...{ participants: [{ ...exampleParticipant, ...exampleOwner }], participantCount: 1 },
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};
