// Barriers on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { sessionMembers } from "../wire/claim-schema.ts";
import { exampleOwner, nameParameter, validForMs, waitMsBounds } from "../wire/coordination-schemas.ts";
import { nextMember } from "../wire/cursors.ts";
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

export const listQuery = Type.Object(
  { limit: pageLimit("Of the participants the first so many are listed, in code-unit order.") },
  { additionalProperties: false },
);

const participant = Type.String({ description: "The name of its znode." });

export const passBody = Type.Object(
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

export const passSchema = {
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

export const listSchema = {
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

export const getSchema = {
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
