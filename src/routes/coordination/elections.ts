// /v1/elections: candidates and the leader (API section 6). An election is a queue like a lock's: whoever stands longest
// leads. What it is stands in the tree under /elections.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { Place } from "../../coordination/queue-places.ts";
import type { Claim } from "../../core/coordination/claim-queue.ts";
import { candidateValueOf, claimViewOf } from "../../core/coordination/claim-view.ts";
import { electionPath } from "../../core/coordination/claims.ts";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { electionsPath } from "../../core/coordination/parts.ts";
import type { Reader } from "../../core/reader.ts";
import type { OpenStreams } from "../http/latest-streams.ts";
import { firstOf, forceQuery, listQuery } from "../wire/coordination-schemas.ts";
import { namesQuery } from "../wire/name-pages.ts";
import { wellFormed, writeContextOf } from "../wire/parts.ts";
import {
  changeBody,
  changeSchema,
  eventsSchema,
  getCandidateSchema,
  getSchema,
  listSchema,
  resignSchema,
  standBody,
  standSchema,
  waitForIt,
} from "./election-schemas.ts";
import { type CoordinationParts, type QueueKind, queueResource } from "./queue-resource.ts";

export function electionRoutes(plainApp: FastifyInstance, parts: CoordinationParts): OpenStreams {
  const { store, sessions } = parts;
  const streams = queueResource(plainApp, parts, elections);
  plainApp
    .withTypeProvider<TypeBoxTypeProvider>()
    .put(
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
  return streams;
}

const elections: QueueKind<Static<typeof standBody>> = {
  plural: "elections",
  places: "candidates",
  root: electionsPath,
  pathOf: electionPath,
  schemas: {
    take: { ...standSchema, body: Type.Optional(standBody) },
    find: { ...getCandidateSchema, querystring: waitForIt },
    release: { ...resignSchema, querystring: forceQuery },
    list: { ...listSchema, querystring: namesQuery("Elections") },
    get: { ...getSchema, querystring: listQuery },
    events: eventsSchema,
  },
  take: (name, { value = "" }) => ({
    type: "standForElection",
    name,
    value: Buffer.from(wellFormed(value, "value")),
  }),
  release: (name, id, force) => ({ type: "resign", name, id, force }),
  audit: { queue: "election", place: "candidate", message: "a candidate was removed by force" },
  standingOf,
  placeView: candidateView,
  summary: electionSummary,
  view: (reader, name, limit) => {
    const path = electionPath(name);
    return { name, path, ...leaderView(reader, path), ...candidatesView(reader, path, limit) };
  },
  event: "leader",
  eventView: leaderView,
};

function standingOf({ claim, isHeld, position }: Place) {
  return isHeld ? { state: "leading", term: claim.fence } : { state: "waiting", position };
}

function electionSummary(reader: Reader, name: string) {
  const queue = reader.queue(electionPath(name));
  const [leader] = queue ?? [];
  return {
    name,
    leader: leader?.id ?? null,
    value: leader === undefined ? null : candidateValueOf(reader, leader),
    term: leader?.fence ?? null,
    candidateCount: queue?.size ?? 0,
  };
}

function leaderView(reader: Reader, path: string) {
  const [leader] = reader.queue(path) ?? [];
  return {
    leader: leader === undefined ? null : candidateView(reader, leader),
    term: leader === undefined ? null : leader.fence,
  };
}

function candidatesView(reader: Reader, path: string, limit: number) {
  const queue = reader.queue(path);
  const candidates: object[] = [];
  for (const claim of firstOf(reader, queue ?? [], limit)) {
    const position = candidates.length;
    const standing = standingOf({ claim, isHeld: position === 0, position });
    candidates.push({ ...candidateView(reader, claim), ...standing });
  }
  return { candidates, candidateCount: queue?.size ?? 0 };
}

function candidateView(reader: Reader, claim: Claim) {
  const { id, path, fence, fenceHeader, session, sessionName } = claimViewOf(reader, claim);
  const value = candidateValueOf(reader, claim);
  return { id, path, fence, fenceHeader, value, session, sessionName };
}
