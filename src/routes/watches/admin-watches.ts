// /v1/admin/watches: who watches what and how far behind they are, and a way to end one of them.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import type { Watches } from "../../watches/watches.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { json, pageLimit, problems, wholeNumber } from "../wire/schemas.ts";

const listQuery = Type.Object(
  {
    limit: pageLimit("Watches in one page."),
    after: Type.Optional(Type.Integer({ ...wholeNumber, description: "Go on after this id." })),
  },
  { additionalProperties: false },
);

export function adminWatchRoutes(plainApp: FastifyInstance, watches: Watches): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get("/v1/admin/watches", { schema: { ...listSchema, querystring: listQuery } }, async (request) => {
    requireAdminOfTree(request);
    const { streams, next } = watches.list(request.query);
    const page = streams.map((stream) => ({ ...stream, paths: [...stream.paths], types: [...stream.types] }));
    return next === null ? { watches: page } : { watches: page, next };
  });

  app.delete("/v1/admin/watches/:id", { schema: endSchema }, (request, reply) => {
    requireAdminOfTree(request);
    const { id } = request.params;
    if (!watches.endStream(id, "ended_by_admin")) {
      throw new KeeperError("no_route", `There is no open watch ${id}; it may have ended by itself.`);
    }
    return reply.code(204).send();
  });
}

const openWatch = Type.Object(
  {
    id: Type.Integer({ description: "Names it, until the server ends." }),
    reader: Type.String({ description: "The client's address." }),
    by: Type.Union([Type.String(), Type.Null()], {
      description: "Who watches; null where nobody is asked who they are.",
    }),
    paths: Type.Array(Type.String()),
    scope: Type.String(),
    types: Type.Array(Type.String()),
    state: Type.String({ description: "snapshot, catching_up or live." }),
    openForMs: Type.Integer(),
    zxid: Type.Integer({ description: "Everything up to here was handed to the connection." }),
    lagZxids: Type.Integer({ description: "Transactions it is behind." }),
    bufferedBytes: Type.Integer({ description: "Bytes handed over that the client has not taken." }),
  },
  { title: "OpenWatch" },
);

const openWatchPage = Type.Object(
  {
    watches: Type.Array(openWatch),
    next: Type.Optional(Type.Integer({ description: "There are more: ask again with after set to this." })),
  },
  { title: "OpenWatchPage" },
);

const exampleWatch = {
  id: 7,
  reader: "127.0.0.1",
  by: "token:web",
  paths: ["/services"],
  scope: "subtree",
  types: ["created", "changed", "deleted"],
  state: "live",
  openForMs: 61_000,
  zxid: 1042,
  lagZxids: 0,
  bufferedBytes: 0,
};

const listSchema = {
  operationId: "listWatches",
  summary: "Who watches what, and how far behind",
  description:
    "For an operator: a stream whose client reads too slowly shows by its lag and by what is buffered.",
  tags: ["operations"],
  response: {
    200: json(openWatchPage, "A page of open watches, in the order they were opened.", {
      watches: [exampleWatch],
    }),
    ...problems(),
  },
};

const endSchema = {
  operationId: "endWatch",
  summary: "End a watch; its client is told and may come back",
  description: "For an operator. Its client is told, and may come back and go on where it was.",
  tags: ["operations"],
  params: Type.Object({
    id: Type.Integer({ ...wholeNumber, description: "The watch's id.", examples: [7] }),
  }),
  response: {
    204: { description: "It was told `bye` and has ended.", type: "null" },
    ...problems("bad_path", "no_route"),
  },
};
