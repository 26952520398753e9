// /v1/elections: candidates, and who leads (API section 6). A candidate stands as long as its session lives; the one
// that stands longest leads, and its term is its fence.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Type } from "typebox";
import type { Place } from "../../coordination/coordination.ts";
import type { Claim } from "../../core/coordination/claim-queue.ts";
import { validateResourceName } from "../../core/coordination/claim-syntax.ts";
import { candidateValueOf, claimViewOf } from "../../core/coordination/claim-view.ts";
import { electionPath, electionsPath } from "../../core/coordination/claims.ts";
import { fenceHeaderOf } from "../../core/coordination/fence-header.ts";
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
import { touchSession, wellFormed, writeContextOf } from "../wire/parts.ts";
import {
  postHeaders,
  problems,
  readHeaders,
  replayedHeader,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";
import { wholeStreamQuery } from "../wire/stream-start.ts";
import { ClaimRequest, giveBack } from "./claim-wait.ts";
import { HolderStreams } from "./holder-events.ts";
import type { CoordinationParts } from "./locks.ts";

export function electionRoutes(plainApp: FastifyInstance, parts: CoordinationParts): SessionStreams {
  const { store, sessions, logger } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const streams = new HolderStreams(parts);

  app.post(
    "/v1/elections/:name/candidates",
    { schema: { ...standSchema, body: Type.Optional(standBody) } },
    async (request, reply) => {
      const { name } = request.params;
      const { value = "", waitMs = 0 } = request.body ?? {};
      validateResourceName(name);
      wellFormed(value, "value");
      const asked = new ClaimRequest(request, reply, parts);
      const context = keyedContextsOf(request, parts)();
      asked.admit(waitMs);
      const commit = await store.submit({
        type: "standForElection",
        name,
        value: Buffer.from(value),
        ...context,
      });
      const { id, fence, made } = commit.outcome;
      const place = await asked.holdWithin(waitMs, { path: electionPath(name), id, fence, made });
      if (place !== "left") {
        noteReplay(reply, commit);
        return sendPlace(reply, name, place, asked);
      }
      const { sessionId } = context;
      await giveBack(store, { type: "resign", name, id, ...(sessionId !== undefined && { sessionId }) });
      return reply.hijack();
    },
  );

  app.get(
    "/v1/elections/:name/candidates/:id",
    { schema: { ...getCandidateSchema, querystring: waitForIt } },
    async (request, reply) => {
      const { name, id } = request.params;
      validateResourceName(name);
      const asked = new ClaimRequest(request, reply, parts);
      const session = asked.session();
      const { waitMs } = request.query;
      asked.admit(waitMs);
      const place = await asked.holdWithin(waitMs, { path: electionPath(name), id });
      if (place === "left") {
        await giveBack(store, {
          type: "resign",
          name,
          id,
          ...(session !== undefined && { sessionId: session.id }),
        });
        return reply.hijack();
      }
      const isOwn = session !== undefined && session.id === place.claim.owner;
      return { ...candidateView(place), ...(isOwn && { validForMs: asked.validForMs() }) };
    },
  );

  app.put(
    "/v1/elections/:name/candidates/:id",
    { schema: { ...changeSchema, body: changeBody } },
    async (request) => {
      const { name, id } = request.params;
      const { value } = request.body;
      validateResourceName(name);
      const context = writeContextOf(request, sessions);
      const data = Buffer.from(wellFormed(value, "value"));
      const commit = await store.submit({ type: "changeCandidate", name, id, value: data, ...context });
      return { id, path: commit.outcome.path, value };
    },
  );

  app.delete(
    "/v1/elections/:name/candidates/:id",
    { schema: { ...resignSchema, querystring: forceQuery } },
    async (request, reply) => {
      const { name, id } = request.params;
      const { force } = request.query;
      validateResourceName(name);
      const context = writeContextOf(request, sessions);
      const { outcome } = await store.submit({ type: "resign", name, id, force, ...context });
      if (force && outcome.owner !== undefined) {
        const by = { reader: request.ip, session: context.sessionId ?? null };
        const facts = { audit: true, election: name, candidate: id, owner: outcome.owner, by };
        logger.warn(facts, "a candidate was removed by force");
      }
      return reply.code(204).send();
    },
  );

  app.get(
    "/v1/elections",
    { schema: { ...listSchema, querystring: namesQuery("Elections") } },
    async (request) => {
      touchSession(request, sessions);
      const { views, ...next } = pageOfNames(store.state, electionsPath, request.query, (name) => {
        const queue = store.state.claims.queue(electionPath(name));
        const [leader] = queue ?? [];
        const value = leader === undefined ? null : candidateValueOf(store.state, leader);
        return {
          name,
          leader: leader?.id ?? null,
          value,
          term: leader?.fence ?? null,
          candidateCount: queue?.size ?? 0,
        };
      });
      return { elections: views, ...next };
    },
  );

  app.get("/v1/elections/:name", { schema: { ...getSchema, querystring: listQuery } }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, sessions);
    const path = electionPath(name);
    return { name, path, ...leaderView(path), ...candidatesView(path, request.query.limit) };
  });

  app.get(
    "/v1/elections/:name/events",
    { schema: eventsSchema, exposeHeadRoute: false },
    (request, reply) => {
      const { name } = request.params;
      validateResourceName(name);
      const path = electionPath(name);
      streams.begin(reply, { event: "leader", path, view: () => leaderView(path) });
    },
  );

  function leaderView(path: string) {
    const [leader] = store.state.claims.queue(path) ?? [];
    return {
      leader: leader === undefined ? null : viewOf(leader),
      term: leader === undefined ? null : leader.fence,
    };
  }

  function candidatesView(path: string, limit: number) {
    const queue = store.state.claims.queue(path);
    const candidates: ReturnType<typeof candidateView>[] = [];
    for (const claim of firstOf(store.state, queue ?? [], limit)) {
      candidates.push(candidateView({ claim, isHeld: candidates.length === 0, position: candidates.length }));
    }
    return { candidates, candidateCount: queue?.size ?? 0 };
  }

  function candidateView({ claim, isHeld, position }: Place) {
    const standing = isHeld ? { state: "leading", term: claim.fence } : { state: "waiting", position };
    return { ...viewOf(claim), ...standing };
  }

  function viewOf(claim: Claim) {
    const { id, path, fence, fenceHeader, session, sessionName } = claimViewOf(store.state, claim);
    const value = candidateValueOf(store.state, claim);
    return { id, path, fence, fenceHeader, value, session, sessionName };
  }

  return streams;
}

function sendPlace(
  reply: FastifyReply,
  name: string,
  { claim, isHeld, position }: Place,
  asked: ClaimRequest,
) {
  const { id, path, fence } = claim;
  const facts = { id, fence, fenceHeader: fenceHeaderOf(path, fence), path };
  reply.header("Location", `/v1/elections/${encodeURIComponent(name)}/candidates/${encodeURIComponent(id)}`);
  if (!isHeld) return reply.code(202).send({ ...facts, state: "waiting", position });
  return reply.code(201).send({ ...facts, state: "leading", term: fence, validForMs: asked.validForMs() });
}

const valueMember = Type.String({ description: "What it stands for, such as the address to reach it at." });

const standBody = Type.Object(
  { value: Type.Optional(valueMember), waitMs: waitMsMember },
  { additionalProperties: false, examples: [{ value: "10.0.0.7:8080", waitMs: 30_000 }] },
);

const changeBody = Type.Object(
  { value: valueMember },
  { additionalProperties: false, examples: [{ value: "10.0.0.7:8081" }] },
);

const waitForIt = waitQuery(
  "Hold the answer back until the candidate leads, or for so long, up to a sixteenth less.",
);

const stateMember = Type.String({ description: "leading or waiting." });
const position = Type.Integer({ description: "The place among those who wait; 1 is next." });
const term = Type.Integer({
  description: "Grows from leader to leader. Writes that need it carry it: see fenceHeader.",
});

const candidateMembers = {
  id: Type.String(),
  path: Type.String({ description: "Its znode." }),
  fence: Type.Integer({ description: "Its term, or what that will be." }),
  fenceHeader: fenceHeaderMember,
  value: Type.String(),
  ...sessionOfClaim,
};

const standing = { state: stateMember, term: Type.Optional(term), position: Type.Optional(position) };

const path = "/elections/scheduler/c-0000000007";
const exampleFence = { fence: 1042, fenceHeader: `${path}@1042` };
const exampleStanding = { id: "c-0000000007", path, ...exampleFence };
const exampleCandidate = { ...exampleStanding, value: "10.0.0.7:8080", ...exampleOwner };
const tags = ["coordination"];

const standSchema = {
  operationId: "standForElection",
  summary: "Stand for election, and wait to lead",
  description:
    "A session stands once; standing again gives its candidate back as it is. Whoever goes away before the answer " +
    "stands no longer, unless the request carried an `Idempotency-Key`. Sent again with the same key it finds the " +
    "candidate it made, and answers where that stands now.",
  tags,
  params: nameParameter,
  headers: postHeaders,
  response: {
    201: {
      ...json(
        Type.Object({
          ...{ id: Type.String(), state: stateMember, term, validForMs, path: Type.String() },
          fence: Type.Integer({ description: "The term once more, by the name locks give it." }),
          fenceHeader: fenceHeaderMember,
        }),
        "It leads.",
        { ...exampleStanding, state: "leading", term: 1042, validForMs: 10_000 },
      ),
      headers: replayedHeader,
    },
    202: {
      ...json(
        Type.Object({
          ...{ id: Type.String(), state: stateMember, position, path: Type.String() },
          fence: Type.Integer({ description: "What its term will be." }),
          fenceHeader: fenceHeaderMember,
        }),
        "It stands, and another leads.",
        { ...exampleStanding, state: "waiting", position: 1 },
      ),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "session_required",
      "no_claim",
      "ephemeral_parent",
      "quota_exceeded",
      "too_large",
      "idempotency_key_reused",
    ),
  },
};

const getCandidateSchema = {
  operationId: "getCandidate",
  summary: "Where a candidate stands; waits until it leads",
  tags,
  params: claimParameters,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({ ...candidateMembers, ...standing, validForMs: Type.Optional(validForMs) }),
      "The candidate; with its own session's token, how long that is surely alive.",
      { ...exampleCandidate, state: "leading", term: 1042, validForMs: 10_000 },
    ),
    ...problems("bad_path", "no_claim", "session_expired", "throttled"),
  },
};

const changeSchema = {
  operationId: "changeCandidate",
  summary: "Change what a candidate says of itself",
  tags,
  params: claimParameters,
  headers: writeHeaders,
  response: {
    200: json(
      Type.Object({ id: Type.String(), path: Type.String(), value: Type.String() }),
      "It was changed; its place is what it was.",
      { id: "c-0000000007", path, value: "10.0.0.7:8081" },
    ),
    ...problems(
      ...writeProblems,
      "session_required",
      "no_claim",
      "not_holder",
      "quota_exceeded",
      "too_large",
    ),
  },
};

const resignSchema = {
  operationId: "resign",
  summary: "Resign, or stand no longer",
  tags,
  params: claimParameters,
  headers: writeHeaders,
  response: {
    204: { description: "It stands no longer.", type: "null" },
    ...problems(...writeProblems, "session_required", "no_claim", "not_holder", "not_empty"),
  },
};

const leaderOrNull = Type.Union([Type.Object(candidateMembers), Type.Null()]);

const listSchema = {
  operationId: "listElections",
  summary: "The elections there are",
  description: "Each znode under /elections is one; it stays when its last candidate has gone.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({
        elections: Type.Array(
          Type.Object({
            name: Type.String(),
            leader: Type.Union([Type.String(), Type.Null()], {
              description: "Id of the candidate that leads.",
            }),
            value: Type.Union([Type.String(), Type.Null()], { description: "What it stands for." }),
            term: Type.Union([Type.Integer(), Type.Null()]),
            candidateCount: Type.Integer(),
          }),
        ),
        next: nextMember,
      }),
      "A page of elections, in order of their names.",
      {
        elections: [
          {
            name: "scheduler",
            leader: "c-0000000007",
            value: "10.0.0.7:8080",
            term: 1042,
            candidateCount: 2,
          },
        ],
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const getSchema = {
  operationId: "getElection",
  summary: "Who leads, and who stands",
  description: "An election in which nobody ever stood has no leader.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object({
        name: Type.String(),
        path: Type.String({ description: "The election's znode; its children are the candidates." }),
        leader: leaderOrNull,
        term: Type.Union([term, Type.Null()]),
        candidates: Type.Array(Type.Object({ ...candidateMembers, ...standing }), {
          description: "In order; the first leads.",
        }),
        candidateCount: Type.Integer(),
      }),
      "The election.",
      {
        ...{ name: "scheduler", path: "/elections/scheduler", leader: exampleCandidate, term: 1042 },
        ...{ candidates: [{ ...exampleCandidate, state: "leading", term: 1042 }], candidateCount: 1 },
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const eventsSchema = {
  operationId: "watchElection",
  summary: "Who leads, as Server-Sent Events",
  description:
    "`leader`: who leads now, and again at each change of it or its value; `bye`: a planned close.",
  tags,
  params: nameParameter,
  querystring: wholeStreamQuery,
  response: {
    200: eventStream('id: 1042\nevent: leader\ndata: {"zxid":1042,"leader":null,"term":null}\n\n'),
    ...problems("bad_path", "throttled"),
  },
};
