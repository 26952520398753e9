// /v1/admin/tokens: who may ask at all. A secret is in the answer that makes it, and never told again.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { hashSecret, newSecret } from "../../access/secrets.ts";
import { noToken, overlapMsMax } from "../../core/access/plan-access.ts";
import { accessBounds } from "../../core/access/policy.ts";
import type { Token } from "../../core/access/token.ts";
import { rootPath } from "../../core/tree/path.ts";
import { callerOf } from "../wire/callers.ts";
import { askedOf, type RouteParts } from "../wire/parts.ts";
import { json, locationHeader, problems } from "../wire/schemas.ts";
import { pathForm } from "../wire/text-forms.ts";
import { accessFor, accessListQuery, accessName, nameParameter, noQuery, pageByName } from "./admin.ts";

const tokensUrl = "/v1/admin/tokens";

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

const tokenBody = Type.Object(
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

const changesBody = Type.Object(
  { policies: Type.Optional(policies), validUntilMs: Type.Optional(Type.Union([validUntilMs, Type.Null()])) },
  { title: "TokenChanges", additionalProperties: false, examples: [{ policies: ["app"] }] },
);

const overlapBody = Type.Object(
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

const tokenAnswer = Type.Object(members, { title: "Token" });
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

export function tokenRoutes(plainApp: FastifyInstance, { store }: Pick<RouteParts, "store">): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const url = `${tokensUrl}/:name`;

  app.get(tokensUrl, { schema: { ...listSchema, querystring: accessListQuery } }, (request, reply) => {
    const { page, next } = pageByName(accessFor(request, store).tokens(), request.query);
    return reply.send({ tokens: page.map(viewOf), ...(next !== undefined && { next }) });
  });

  app.get(url, { schema: { ...getSchema, querystring: noQuery } }, (request, reply) => {
    const { name } = request.params;
    const token = accessFor(request, store).token(name);
    if (token === undefined) throw noToken(name);
    return reply.send(viewOf(token));
  });

  app.post(
    tokensUrl,
    { schema: { ...createSchema, querystring: noQuery, body: tokenBody } },
    async (request, reply) => {
      const { root: asked = rootPath, validUntilMs: end = null, ...rest } = request.body;
      const token = { ...rest, root: asked, validUntilMs: end };
      const secret = token.identity === undefined ? newSecret() : undefined;
      const kept = secret === undefined ? {} : { hash: hashSecret(secret) };
      const { outcome } = await store.submit({
        type: "createToken",
        token,
        ...kept,
        ...askedOf(request),
      });
      reply.code(201).header("Location", `${tokensUrl}/${token.name}`);
      return { ...viewOf(outcome.token), ...(secret !== undefined && { secret }) };
    },
  );

  app.post(
    `${url}/rotate`,
    { schema: { ...rotateSchema, querystring: noQuery, body: Type.Optional(overlapBody) } },
    async (request) => {
      const { name } = request.params;
      const secret = newSecret();
      const rotation = { name, hash: hashSecret(secret), overlapMs: request.body?.overlapMs ?? 0 };
      const { outcome } = await store.submit({ type: "rotateToken", ...rotation, ...askedOf(request) });
      return { ...viewOf(outcome.token), secret };
    },
  );

  changeRoutes(plainApp, { store });
}

function changeRoutes(plainApp: FastifyInstance, { store }: Pick<RouteParts, "store">): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const url = `${tokensUrl}/:name`;

  app.patch(
    url,
    { schema: { ...changeSchema, querystring: noQuery, body: changesBody } },
    async (request) => {
      const { name } = request.params;
      const { outcome } = await store.submit({
        ...{ type: "changeToken", name },
        ...request.body,
        ...askedOf(request),
      });
      return viewOf(outcome.token);
    },
  );

  app.delete(url, { schema: { ...revokeSchema, querystring: noQuery } }, async (request, reply) => {
    const { name } = request.params;
    await store.submit({ type: "revokeToken", name, ...askedOf(request) });
    return reply.code(204).send();
  });

  app.get("/v1/whoami", { schema: { ...whoamiSchema, querystring: noQuery } }, (request, reply) => {
    const { by, validUntilMs: end } = callerOf(request).permits;
    return reply.send({ by, ...(end !== null && { validUntilMs: end }) });
  });
}

function viewOf(token: Token): Static<typeof tokenAnswer> {
  const { name, policies: names, root: its, validUntilMs: end, madeAtMs, madeZxid, secrets } = token;
  const named = token.identity === undefined ? { name } : { name, identity: token.identity };
  const base = { ...named, policies: [...names], root: its, madeAtMs, madeZxid, secrets: secrets.length };
  return end === null ? base : { ...base, validUntilMs: end };
}

const tags = ["access"];
const writeProblems = ["bad_path", "throttled", "read_only", "suspended"] as const;

const listSchema = {
  operationId: "listTokens",
  summary: "All tokens, in pages",
  description: "Never with a secret, and never with a hash of one.",
  tags,
  response: {
    200: json(
      Type.Object(
        {
          tokens: Type.Array(tokenAnswer),
          next: Type.Optional(
            Type.String({ description: "There are more: ask again with after set to this." }),
          ),
        },
        { title: "TokenPage" },
      ),
      "A page of tokens, in order of their names.",
      { tokens: [exampleToken] },
    ),
    ...problems(),
  },
};

const getSchema = {
  operationId: "getToken",
  summary: "What a token is",
  description: "Without its secret.",
  tags,
  params: nameParameter,
  response: { 200: json(tokenAnswer, "The token.", exampleToken), ...problems("bad_path", "no_token") },
};

const createSchema = {
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

const rotateSchema = {
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

const changeSchema = {
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

const revokeSchema = {
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

const whoamiSchema = {
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
