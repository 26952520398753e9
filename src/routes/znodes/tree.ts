// GET /v1/tree: a znode and what is below it, parents before children, in pages or as lines of JSON (API section 2).
// The lines of a whole subtree are its export.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { rootPath, validatePath } from "../../core/tree/path.ts";
import type { TreeWalk } from "../../core/tree/tree-walk.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { linesHaveNoLimit, linesMediaType, prefersLines, sendLines } from "../wire/ndjson.ts";
import { entryBytes, PageSize } from "../wire/page-size.ts";
import { type ReadParts, readerFor, touchSession } from "../wire/parts.ts";
import {
  pageEntriesDefault,
  pageLimitBounds,
  problems,
  readHeaders,
  znode as znodeSchema,
} from "../wire/schemas.ts";
import { includedIn, type PartialView, partialViewOf, znodeAt } from "../wire/views.ts";
import { znodePathOf } from "../wire/znode-path.ts";

const treeUrl = "/v1/tree";

const treeQuery = Type.Object(
  {
    depth: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: fixedLimits.depthMax,
        ...named("depthMax"),
        description: "Levels below the znode; all unless given.",
      }),
    ),
    include: Type.String({
      pattern: "^(|(stat|data)(,(stat|data))?)$",
      "x-form": "stat, data or stat,data, or empty",
      default: "stat,data",
      description: "What to tell of each znode besides its path: the stat, the data, both, or nothing.",
    }),
    after: Type.Optional(
      Type.String({
        maxLength: fixedLimits.cursorLengthMax,
        ...named("cursorLengthMax"),
        description: "Go on after this path, which is in the subtree.",
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ ...pageLimitBounds, description: "Znodes in one page (1000); lines have none." }),
    ),
  },
  { additionalProperties: false },
);

type TreeQuery = Static<typeof treeQuery>;

const treeAnswer = Type.Object({
  path: Type.String(),
  znodes: Type.Array(znodeSchema, { description: "Parents before children, siblings in code-unit order." }),
  next: Type.Optional(Type.String({ description: "There are more: ask again with after set to this." })),
});

export function treeRoutes(plainApp: FastifyInstance, { store, sessions, limits, answers }: ReadParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [treeUrl, `${treeUrl}/*`]) {
    app.get(
      url,
      {
        schema: { ...treeSchema, hide: url === treeUrl, querystring: treeQuery },
        config: { variesByAccept: true },
      },
      (request, reply) => {
        const { query } = request;
        const path = znodePathOf(request, treeUrl, limits);
        validatePath(path);
        if (query.after !== undefined) validateCursor(query.after, path, query.depth);
        const asLines = prefersLines(request);
        if (asLines && query.limit !== undefined) throw linesHaveNoLimit();
        touchSession(request, sessions);
        const reader = readerFor(request, store);
        znodeAt(reader, path);
        const walk = () => walkOf(reader, path, query, limits.snapshotKeptBytesMax);
        if (asLines) return sendLines(request, reply, { answers, walk, included: includedIn(query.include) });
        return reply.send({ path, ...pageOf(walk(), query) });
      },
    );
  }
}

function validateCursor(after: string, path: string, depth = Number.POSITIVE_INFINITY): void {
  validatePath(after);
  const isBelow = path === rootPath || after === path || after.startsWith(`${path}/`);
  const levels = after === path ? 0 : after.slice(path === rootPath ? 0 : path.length).split("/").length - 1;
  if (isBelow && levels <= depth) return;
  throw new KeeperError("bad_request", `after is a path this listing can have, which ${after} is not.`);
}

function walkOf(reader: Reader, path: string, { depth, after }: TreeQuery, keptBytesMax: number): TreeWalk {
  return reader.walk({
    roots: [path],
    depthMax: depth ?? Number.POSITIVE_INFINITY,
    ...(after !== undefined && { after }),
    keptBytesMax,
  });
}

function pageOf(walk: TreeWalk, { include, limit = pageEntriesDefault }: TreeQuery) {
  const included = includedIn(include);
  const znodes: PartialView[] = [];
  const size = new PageSize();
  let hasMore = false;
  for (let znode = walk.next(); znode !== undefined; znode = walk.next()) {
    hasMore = znodes.length === limit || size.isFull || !size.takes(entryBytes(znode, included));
    if (hasMore) break;
    znodes.push(partialViewOf(znode, included));
  }
  walk.end();
  return hasMore ? { znodes, next: znodes.at(-1)?.path as string } : { znodes };
}

const treeSchema = {
  operationId: "getTree",
  summary: "A znode and everything below it",
  description:
    `As ${linesMediaType} it is the whole subtree as it stands at the Zxid of the answer, one znode a line, whatever ` +
    "is written meanwhile: an export. As JSON it comes in pages; a page is one consistent picture, between pages " +
    "znodes may come and go. `next` is the cursor of the next page.",
  tags: ["znodes"],
  headers: readHeaders,
  response: {
    200: {
      description: "A page of znodes, or a line for each.",
      content: {
        "application/json": {
          schema: {
            ...treeAnswer,
            examples: [
              {
                path: "/services",
                znodes: [
                  { path: "/services", data: "" },
                  { path: "/services/web", data: "up" },
                ],
              },
            ],
          },
        },
        [linesMediaType]: { schema: { type: "string" } },
      },
    },
    ...problems("bad_path", "no_node", "not_acceptable", "session_expired", "throttled"),
  },
};
