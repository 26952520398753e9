// /v1/admin/connections: who is connected, and a way to end a connection. What they watch is in /v1/admin/watches.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import type { OpenConnections } from "../http/open-connections.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { json, pageLimit, problems, wholeNumber } from "../wire/schemas.ts";

const listQuery = Type.Object(
  {
    limit: pageLimit("Connections in one page."),
    after: Type.Optional(Type.Integer({ ...wholeNumber, description: "Go on after this id." })),
  },
  { additionalProperties: false },
);

export function adminConnectionRoutes(plainApp: FastifyInstance, connections: OpenConnections): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get("/v1/admin/connections", { schema: { ...listSchema, querystring: listQuery } }, async (request) => {
    requireAdminOfTree(request);
    const { connections: page, next } = connections.list(request.query);
    return next === null ? { connections: page } : { connections: page, next };
  });

  app.delete("/v1/admin/connections/:id", { schema: endSchema }, (request, reply) => {
    requireAdminOfTree(request);
    const { id } = request.params;
    const isOwn = connections.isOf(id, request.raw.socket);
    // Whoever ends their own is answered first.
    if (isOwn) reply.raw.once("close", () => connections.endSoon(id));
    else if (!connections.end(id))
      throw new KeeperError("no_route", `There is no open connection ${id}; it may have ended by itself.`);
    return reply.code(204).send();
  });
}

const openConnection = Type.Object(
  {
    id: Type.Integer({ description: "Names it, until the server ends." }),
    address: Type.String({ description: "Where it comes from." }),
    port: Type.Integer(),
    localAddress: Type.String({ description: "The address of the server that it came to." }),
    localPort: Type.Integer(),
    openForMs: Type.Integer(),
    protocol: Type.Optional(
      Type.Enum(["HTTP/1.1", "HTTP/2"], { description: "Absent before its first request." }),
    ),
    requests: Type.Integer({ description: "Requests that came on it." }),
    streams: Type.Integer({ description: "Of these, streams that are open." }),
    waits: Type.Integer({ description: "Of these, long polls and waits for a place." }),
    by: Type.Union([Type.String(), Type.Null()], {
      description: "Who asked last; null for nobody, and where nobody is asked who they are.",
    }),
  },
  { title: "OpenConnection" },
);

const openConnectionPage = Type.Object(
  {
    connections: Type.Array(openConnection),
    next: Type.Optional(Type.Integer({ description: "There are more: ask again with after set to this." })),
  },
  { title: "OpenConnectionPage" },
);

const exampleConnection = {
  id: 1,
  address: "127.0.0.1",
  port: 40_312,
  localAddress: "127.0.0.1",
  localPort: 2281,
  openForMs: 61_000,
  protocol: "HTTP/1.1",
  requests: 7,
  streams: 1,
  waits: 0,
  by: "token:web",
};

const listSchema = {
  operationId: "listConnections",
  summary: "Who is connected",
  description:
    "For an operator: every connection to this server with what is asked on it, the one of the request among them.",
  tags: ["operations"],
  response: {
    200: json(openConnectionPage, "A page of open connections, in the order they were opened.", {
      connections: [exampleConnection],
    }),
    ...problems(),
  },
};

const endSchema = {
  operationId: "endConnection",
  summary: "End a connection, with all that is under way on it",
  description:
    "For an operator. Its client may connect again. A session does not end with its connection, only with its timeout.",
  tags: ["operations"],
  params: Type.Object({
    id: Type.Integer({ ...wholeNumber, description: "The connection's id.", examples: [1] }),
  }),
  response: {
    204: { description: "It has ended; one's own ends behind this answer.", type: "null" },
    ...problems("bad_path", "no_route"),
  },
};
