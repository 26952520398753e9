// Tokens on the wire: what may be asked of them, and what is answered. A secret is in the answer that makes it alone.

import { Type } from "typebox";
import { overlapMsMax } from "../../core/access/plan-access.ts";
import { accessBounds } from "../../core/access/policy.ts";
import { nextMember } from "../wire/cursors.ts";
import { json, locationHeader, problems } from "../wire/schemas.ts";
import { pathForm } from "../wire/text-forms.ts";
import { accessName, nameParameter } from "./admin.ts";

const policies = Type.Array(accessName, {
  minItems: 1,
  maxItems: accessBounds.policiesPerTokenMax,
  description: "Names of its policies, which must be there.",
});

const validUntilMs = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "When it ends, epoch milliseconds; absent for never.",
});

const root = Type.String({
  maxLength: accessBounds.prefixLengthMax,
  ...pathForm,
  description: "What is `/` to it: it can name nothing outside. `/` confines it to nothing.",
});

const identity = Type.String({
  maxLength: 260,
  "x-form": "cert: or jwt: and up to 255 printable ASCII characters",
  "x-bounds": { pattern: "^(cert|jwt):[!-~]([ -~]{0,253}[!-~])?$" },
  description:
    "Who it is for, where a certificate (`cert:web`) or an issuer (`jwt:alice`) vouches for them: it has no secret.",
});

export const tokenBody = Type.Object(
  {
    name: accessName,
    policies,
    root: Type.Optional(root),
    validUntilMs: Type.Optional(validUntilMs),
    identity: Type.Optional(identity),
  },
  {
    title: "TokenRequest",
    additionalProperties: false,
    examples: [{ name: "web", policies: ["app"] }],
  },
);

export const changesBody = Type.Object(
  { policies: Type.Optional(policies), validUntilMs: Type.Optional(Type.Union([validUntilMs, Type.Null()])) },
  { title: "TokenChanges", additionalProperties: false, examples: [{ policies: ["app"] }] },
);

export const overlapBody = Type.Object(
  {
    overlapMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: overlapMsMax,
        description: "How long the secret before it is good beside the new one (0).",
      }),
    ),
  },
  { title: "TokenRotation", additionalProperties: false, examples: [{ overlapMs: 3_600_000 }] },
);

const members = {
  name: accessName,
  identity: Type.Optional(identity),
  policies: Type.Array(Type.String()),
  root: Type.String({ description: "What is `/` to it." }),
  validUntilMs: Type.Optional(validUntilMs),
  madeAtMs: Type.Integer({ description: "Wall time at which it was made." }),
  madeZxid: Type.Integer({ description: "The transaction that made it." }),
  secrets: Type.Integer({ description: "How many it can be shown by: two while one is being replaced." }),
};

export const tokenAnswer = Type.Object(members, { title: "Token" });
const newTokenAnswer = Type.Object(
  {
    ...members,
    secret: Type.Optional(
      Type.String({
        description: "Shown this once: send it as `Authorization: Bearer`. None for an identity.",
      }),
    ),
  },
  { title: "NewToken" },
);

const exampleToken = {
  name: "web",
  policies: ["app"],
  root: "/",
  madeAtMs: 1_700_000_000_000,
  madeZxid: 1042,
  secrets: 1,
};
const exampleNewToken = { ...exampleToken, secret: "tk_pYx0R6yq2cPfQm8tq3n2o9gq1Hh5Yc0l2Tt3bq3b9nE" };

const tags = ["access"];
const writeProblems = ["bad_path", "throttled", "read_only", "suspended"] as const;

export const listSchema = {
  operationId: "listTokens",
  summary: "All tokens, in pages",
  description: "Never with a secret, and never with a hash of one.",
  tags,
  response: {
    200: json(
      Type.Object(
        {
          tokens: Type.Array(tokenAnswer),
          next: nextMember,
        },
        { title: "TokenPage" },
      ),
      "A page of tokens, in order of their names.",
      { tokens: [exampleToken] },
    ),
    ...problems(),
  },
};

export const getSchema = {
  operationId: "getToken",
  summary: "What a token is",
  description: "Without its secret.",
  tags,
  params: nameParameter,
  response: { 200: json(tokenAnswer, "The token.", exampleToken), ...problems("bad_path", "no_token") },
};

export const createSchema = {
  operationId: "createToken",
  summary: "Make a token",
  description:
    "The secret is in this answer alone: where the answer was lost, rotate the token. A root that is not there is made. It " +
    "becomes a namespace, with locks, elections, services, barriers and counters of its own, and so none of these may be " +
    "there before, nor may it be in those of another one.",
  tags,
  response: {
    201: { ...json(newTokenAnswer, "The token, with its secret.", exampleNewToken), headers: locationHeader },
    ...problems(
      ...writeProblems,
      "no_policy",
      "token_exists",
      "too_large",
      "ephemeral_parent",
      "node_exists",
      "reserved_path",
    ),
  },
};

export const rotateSchema = {
  operationId: "rotateToken",
  summary: "Give a token another secret",
  description: "It stays the same identity: its sessions, and what they hold, go on.",
  tags,
  params: nameParameter,
  response: {
    200: json(newTokenAnswer, "The token, with its new secret.", exampleNewToken),
    ...problems(...writeProblems, "no_token"),
  },
};

export const changeSchema = {
  operationId: "changeToken",
  summary: "Give a token other policies, or another end",
  description:
    "It counts from this write on; streams of the token end with `unauthorised` and may be opened again.",
  tags,
  params: nameParameter,
  response: {
    200: json(tokenAnswer, "The token as it is now.", exampleToken),
    ...problems(...writeProblems, "no_token", "no_policy"),
  },
};

export const revokeSchema = {
  operationId: "revokeToken",
  summary: "Revoke a token",
  description:
    "Whatever is ordered behind this write is refused to it, whenever it was sent. Its sessions can be kept alive by nobody, " +
    "and end.",
  tags,
  params: nameParameter,
  response: {
    204: { description: "There is no such token any more.", type: "null" },
    ...problems(...writeProblems, "no_token"),
  },
};

export const whoamiSchema = {
  operationId: "whoAmI",
  summary: "Who the service takes you for",
  description: "Null where access control is off, and nobody is asked who they are.",
  tags,
  response: {
    200: json(
      Type.Object(
        {
          by: Type.Union([Type.String(), Type.Null()], {
            description: "As events and the audit log name it.",
          }),
          validUntilMs: Type.Optional(validUntilMs),
        },
        { title: "WhoAmI" },
      ),
      "The identity.",
      { by: "token:web" },
    ),
    ...problems(),
  },
};
