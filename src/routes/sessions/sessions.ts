// /v1/sessions: open, keep alive, close, look (API section 3). The token is shown once, in the answer to the open;
// whatever acts for a session sends it back.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Ask } from "../../core/access/ask.ts";
import { asRecipe } from "../../core/access/permits.ts";
import { KeeperError } from "../../core/errors.ts";
import { validatePath } from "../../core/tree/path.ts";
import { problemOf } from "../http/problems.ts";
import { shareHolderOf } from "../http/share-holder.ts";
import { callerOf } from "../wire/callers.ts";
import { catchUp } from "../wire/freshness.ts";
import { keyedRequestOf, noteReplay } from "../wire/idempotency.ts";
import {
  askedOf,
  type RouteParts,
  readerFor,
  sessionTokenOf,
  touchSession,
  traceOf,
  wellFormed,
} from "../wire/parts.ts";
import {
  closeSchema,
  describeSchema,
  keepaliveManySchema,
  keepaliveSchema,
  listQuery,
  listSchema,
  openBody,
  openSchema,
  ownedQuery,
  tokensBody,
} from "./session-schemas.ts";

export function sessionRoutes(app: FastifyInstance, parts: RouteParts): void {
  lifeRoutes(app, parts);
  viewRoutes(app, parts);
}

/** From its opening to its close. */
function lifeRoutes(plainApp: FastifyInstance, { store, sessions, limits }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    "/v1/sessions",
    { schema: { ...openSchema, body: Type.Optional(openBody) } },
    async (request, reply) => {
      wellFormed(request.body?.name ?? "", "name");
      const asked = { ...request.body, ...askedOf(request), client: shareHolderOf(request) };
      const opened = await sessions.open(asked, keyedRequestOf(request, limits));
      const { session, token, validForMs: valid } = opened;
      noteReplay(reply, opened);
      reply.code(201).header("Location", `/v1/sessions/${session.id}`);
      return { id: session.id, token, timeoutMs: session.timeoutMs, validForMs: valid };
    },
  );

  app.put(
    "/v1/sessions/:id",
    { schema: keepaliveSchema, config: { isServedAlways: true } },
    (request, reply) => {
      const alive = sessions.keepalive(idOf(request), tokenOf(request), callerOf(request).permits);
      return alive instanceof Promise ? alive : reply.send(alive);
    },
  );

  app.post(
    "/v1/sessions/keepalive",
    { schema: { ...keepaliveManySchema, body: tokensBody }, config: { isServedAlways: true } },
    async (request, reply) => {
      const { tokens } = request.body;
      if (tokens.some((token) => sessions.mayBeElsewhere(token))) await catchUp(store, reply);
      const results = await sessions.keepaliveMany(tokens, callerOf(request).permits);
      return {
        results: results.map((result) =>
          result instanceof KeeperError ? { problem: problemOf(result) } : result,
        ),
      };
    },
  );

  app.delete(
    "/v1/sessions/:id",
    { schema: closeSchema, config: { isServedAlways: true } },
    async (request, reply) => {
      const { permits } = callerOf(request);
      await sessions.close(idOf(request), tokenOf(request), permits, traceOf(request));
      return reply.code(204).send();
    },
  );
}

function viewRoutes(plainApp: FastifyInstance, { store, sessions }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    "/v1/sessions/:id",
    { schema: { ...describeSchema, querystring: ownedQuery } },
    (request, reply) => {
      const id = idOf(request);
      if (request.query.after !== undefined) validatePath(request.query.after);
      touchSession(request, sessions);
      const { permits } = callerOf(request);
      sessions.refuseOthers(id, permits);
      // Whatever else it may read, what a session owns is told to its owner.
      const described = sessions.describe(id, store.reader({ permits: asRecipe(permits) }), request.query);
      const { ephemerals, claims, instances, next, ...session } = described;
      const owned = { ephemerals: [...ephemerals], claims: [...claims], instances: [...instances] };
      return reply.send({ ...session, ...owned, ...(next !== null && { next }) });
    },
  );

  app.get("/v1/sessions", { schema: { ...listSchema, querystring: listQuery } }, (request, reply) => {
    touchSession(request, sessions);
    new Ask(callerOf(request).permits).requireOfTree("admin");
    const { sessions: page, next } = sessions.list(readerFor(request, store), request.query);
    return reply.send(next === null ? { sessions: page } : { sessions: page, next });
  });
}

/** Without an id the URL is that of no session, and not of one that is gone. */
export function idOf({ params: { id }, method, url }: FastifyRequest<{ Params: { id: string } }>): string {
  if (id !== "") return id;
  throw new KeeperError(
    "no_route",
    `There is nothing at ${method} ${url.split("?", 1)[0]}: it has no id of a session.`,
  );
}

function tokenOf(request: FastifyRequest): string {
  const token = sessionTokenOf(request);
  if (token !== undefined) return token;
  throw new KeeperError("session_required", "Send the session's token in the header Session-Token.");
}
