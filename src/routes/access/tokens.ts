// /v1/admin/tokens: who may ask at all. A secret is in the answer that makes it, and never told again.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { hashSecret, newSecret } from "../../access/secrets.ts";
import { noToken } from "../../core/access/plan-access.ts";
import type { Token } from "../../core/access/token.ts";
import { rootPath } from "../../core/tree/path.ts";
import { callerOf } from "../wire/callers.ts";
import { askedOf, type RouteParts } from "../wire/parts.ts";
import { accessFor, accessListQuery, noQuery, pageByName } from "./admin.ts";
import {
  changeSchema,
  changesBody,
  createSchema,
  getSchema,
  listSchema,
  overlapBody,
  revokeSchema,
  rotateSchema,
  type tokenAnswer,
  tokenBody,
  whoamiSchema,
} from "./token-schemas.ts";

const tokensUrl = "/v1/admin/tokens";

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
