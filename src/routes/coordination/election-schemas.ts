// Elections on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { fenceHeaderMember, sessionMembers } from "../wire/claim-schema.ts";
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

const valueMember = Type.String({ description: "What it stands for, such as the address to reach it at." });

export const standBody = Type.Object(
  { value: Type.Optional(valueMember), waitMs: waitMsMember },
  {
    title: "CandidateRequest",
    additionalProperties: false,
    examples: [{ value: "10.0.0.7:8080", waitMs: 30_000 }],
  },
);

export const changeBody = Type.Object(
  { value: valueMember },
  { title: "CandidateChange", additionalProperties: false, examples: [{ value: "10.0.0.7:8081" }] },
);

export const waitForIt = waitQuery(
  "Hold the answer back until the candidate leads, or for so long, up to a sixteenth less.",
);

const stateMember = Type.Enum(["leading", "waiting"], { description: "Whether it leads." });
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
  ...sessionMembers,
};

const candidate = Type.Object(candidateMembers, { title: "Candidate" });

const standing = { state: stateMember, term: Type.Optional(term), position: Type.Optional(position) };

const path = "/elections/scheduler/c-0000000007";
const exampleFence = { fence: 1042, fenceHeader: `${path}@1042.3f9a01c2d4` };
const exampleStanding = { id: "c-0000000007", path, ...exampleFence };
const exampleCandidate = { ...exampleStanding, value: "10.0.0.7:8080", ...exampleOwner };
const tags = ["elections"];

/** What is answered to who stands, leading or not: one shape, so that clients need only one. */
const takenCandidacy = Type.Object(
  {
    id: Type.String({ description: "The name of its znode." }),
    ...standing,
    validForMs: Type.Optional(validForMs),
    path: Type.String({ description: "Its znode." }),
    fence: Type.Integer({ description: "Its term, or what that will be, by the name locks give it." }),
    fenceHeader: fenceHeaderMember,
  },
  {
    title: "TakenCandidacy",
    description: "It has a position while it waits, and a term and validForMs once it leads.",
  },
);

const candidateStanding = Type.Object(
  { ...candidateMembers, ...standing, validForMs: Type.Optional(validForMs) },
  { title: "CandidateStanding", description: "A candidate, and where it stands." },
);

export const standSchema = {
  operationId: "standForElection",
  needsSession: true as const,
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
      ...json(takenCandidacy, "It leads.", {
        ...{ ...exampleStanding, state: "leading", term: 1042, validForMs: 10_000 },
      }),
      headers: { ...locationHeader, ...replayedHeader },
    },
    202: {
      ...json(takenCandidacy, "It stands, and another leads.", {
        ...{ ...exampleStanding, state: "waiting", position: 1 },
      }),
      headers: { ...locationHeader, ...replayedHeader },
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

export const getCandidateSchema = {
  operationId: "getCandidate",
  summary: "Where a candidate stands; waits until it leads",
  description: "With waitMs it answers once the candidate leads, or when the time is up.",
  tags,
  params: claimParameters,
  headers: readHeaders,
  response: {
    200: json(
      candidateStanding,
      "The candidate; with its own session's token, how long that is surely alive.",
      { ...exampleCandidate, state: "leading", term: 1042, validForMs: 10_000 },
    ),
    ...problems("bad_path", "no_claim", "session_expired", "throttled"),
  },
};

export const changeSchema = {
  operationId: "changeCandidate",
  needsSession: true as const,
  summary: "Change what a candidate says of itself",
  description: "Its place and its term stay what they are; whoever watches the election is told.",
  tags,
  params: claimParameters,
  headers: writeHeaders,
  response: {
    200: json(
      Type.Object(
        { id: Type.String(), path: Type.String({ description: "Its znode." }), value: Type.String() },
        { title: "ChangedCandidate" },
      ),
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

export const resignSchema = {
  operationId: "resignCandidacy",
  summary: "Resign, or stand no longer",
  description: "Harmless when repeated. Whoever stands next leads at once.",
  tags,
  params: claimParameters,
  headers: writeHeaders,
  response: {
    204: { description: "It stands no longer.", type: "null" },
    ...problems(...writeProblems, "session_required", "no_claim", "not_holder", "not_empty"),
  },
};

const leaderMembers = {
  leader: Type.Union([candidate, Type.Null()]),
  term: Type.Union([Type.Integer(), Type.Null()], {
    description: "Grows from leader to leader; null where nobody leads.",
  }),
};

export const listSchema = {
  operationId: "listElections",
  summary: "The elections there are",
  description: "Each znode under /elections is one; it stays when its last candidate has gone.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          elections: Type.Array(
            Type.Object(
              {
                name: Type.String(),
                leader: Type.Union([Type.String(), Type.Null()], {
                  description: "Id of the candidate that leads.",
                }),
                value: Type.Union([Type.String(), Type.Null()], { description: "What it stands for." }),
                term: leaderMembers.term,
                candidateCount: Type.Integer(),
              },
              { title: "ElectionSummary" },
            ),
          ),
          next: nextMember,
        },
        { title: "ElectionPage" },
      ),
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

export const getSchema = {
  operationId: "getElection",
  summary: "Who leads, and who stands",
  description: "An election in which nobody ever stood has no leader.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          name: Type.String(),
          path: Type.String({ description: "The election's znode; its children are the candidates." }),
          ...leaderMembers,
          candidates: Type.Array(candidateStanding, { description: "In order; the first leads." }),
          candidateCount: Type.Integer({ description: "How many stand in all." }),
        },
        { title: "Election" },
      ),
      "The election.",
      {
        ...{ name: "scheduler", path: "/elections/scheduler", leader: exampleCandidate, term: 1042 },
        ...{ candidates: [{ ...exampleCandidate, state: "leading", term: 1042 }], candidateCount: 1 },
      },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const electionLeader = Type.Object(
  { zxid: eventZxid, ...leaderMembers },
  { title: "ElectionLeader", description: "Who leads as of the zxid." },
);

export const eventsSchema = {
  operationId: "watchElection",
  summary: "Who leads, as Server-Sent Events",
  description:
    "`leader`: who leads now, and again at each change of it or its value; `bye`: a planned close.",
  tags,
  params: nameParameter,
  querystring: wholeStreamQuery,
  headers: wholeStreamHeaders,
  response: {
    200: eventStream(
      'id: 1042.3f9a01c2d4\nevent: leader\ndata: {"zxid":1042,"leader":null,"term":null}\n\n',
      { leader: electionLeader, ...eventsOfAll },
    ),
    ...problems("bad_path", "throttled"),
  },
};
