// GET /v1/tree: a znode and what is below it, parents before children, in pages or as lines of JSON (API section 2).
// The lines of a whole subtree are its export.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { rootPath, validatePath } from "../../core/tree/path.ts";
import type { TreeWalk } from "../../core/tree/tree-walk.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { afterPath, nextMember } from "../wire/cursors.ts";
import {
  fileMediaType,
  linesAnswer,
  linesHaveNoLimit,
  linesMediaType,
  prefersLines,
  sendLines,
  type WalkRead,
} from "../wire/ndjson.ts";
import { entryBytes, PageSize } from "../wire/page-size.ts";
import { type ReadParts, readerFor, touchSession } from "../wire/parts.ts";
import {
  json,
  pageEntriesDefault,
  pageLimitBounds,
  problems,
  znodeReadHeaders,
  znode as znodeSchema,
} from "../wire/schemas.ts";
import { type Included, includedIn, type PartialView, partialViewOf, znodeAt } from "../wire/views.ts";
import { znodePathOf } from "../wire/znode-path.ts";

const treeUrl = "/v1/tree";
const exportUrl = "/v1/export";

const linesQuery = Type.Object(
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
      pattern: "^(|(stat|data|acl)(,(stat|data|acl)){0,2})$",
      "x-form": "some of stat, data and acl, with commas between them, or empty",
      default: "stat,data",
      description:
        "What to tell of each znode besides its path: the stat, the data, the access control list where it is not open to " +
        "all, or nothing.",
    }),
    after: afterPath("Go on after this path, which is in the subtree."),
  },
  { additionalProperties: false },
);

const treeQuery = Type.Object(
  {
    ...linesQuery.properties,
    limit: Type.Optional(
      Type.Integer({ ...pageLimitBounds, description: "Znodes in one page (1000); lines have none." }),
    ),
  },
  { additionalProperties: false },
);

type TreeQuery = Static<typeof treeQuery>;

const treePage = Type.Object(
  {
    path: Type.String({ description: "The subtree's root." }),
    znodes: Type.Array(znodeSchema, { description: "Parents before children, siblings in code-unit order." }),
    next: nextMember,
  },
  { title: "TreePage" },
);

export function treeRoutes(plainApp: FastifyInstance, parts: ReadParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [treeUrl, `${treeUrl}/*`]) {
    app.get(
      url,
      {
        schema: { ...treeSchema, hide: url === treeUrl, querystring: treeQuery },
        config: { variesByAccept: true },
      },
      (request, reply) => {
        const asLines = () => (prefersLines(request) ? linesMediaType : null);
        return read(request, reply, { prefix: treeUrl, parts, asLines });
      },
    );
  }
  for (const url of [exportUrl, `${exportUrl}/*`]) {
    const schema = { ...exportSchema, hide: url === exportUrl, querystring: linesQuery };
    app.get(url, { schema }, (request, reply) =>
      read(request, reply, { prefix: exportUrl, parts, asLines: () => fileMediaType }),
    );
  }
}

function read(
  request: FastifyRequest<{ Querystring: TreeQuery }>,
  reply: FastifyReply,
  { prefix, parts, asLines }: WalkRead,
) {
  const { store, sessions, limits, answers } = parts;
  const { query } = request;
  const path = znodePathOf(request, prefix, limits);
  validatePath(path);
  if (query.after !== undefined) validateCursor(query.after, path, query.depth);
  const mediaType = asLines();
  if (mediaType !== null && query.limit !== undefined) throw linesHaveNoLimit();
  touchSession(request, sessions);
  const reader = readerFor(request, store);
  const included = includedIn(query.include, reader.identities);
  znodeAt(reader, path);
  const walk = () => walkOf(reader, path, query, limits.snapshotKeptBytesMax);
  if (mediaType !== null) return sendLines(request, reply, { answers, store, walk, mediaType, included });
  return reply.send({ path, ...pageOf(walk(), included, query.limit) });
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

function pageOf(walk: TreeWalk, included: Included, limit = pageEntriesDefault) {
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

const refusals = ["bad_path", "no_node", "session_expired", "throttled"] as const;

const exampleZnodes = [
  { path: "/services", data: "" },
  { path: "/services/web", data: "up" },
];

const treeSchema = {
  operationId: "getTree",
  summary: "A znode and everything below it, in pages",
  description:
    "A page is one consistent picture, between pages znodes may come and go. `next` is the cursor of the next page. Asked " +
    `for ${linesMediaType} it is the whole subtree, as \`GET /v1/export/{path}\` gives it.`,
  tags: ["znodes"],
  headers: znodeReadHeaders,
  response: {
    200: json(treePage, "A page of znodes.", { path: "/services", znodes: exampleZnodes }),
    ...problems(...refusals, "not_acceptable"),
  },
};

const exportSchema = {
  operationId: "exportTree",
  summary: "A znode and everything below it, one znode a line",
  description:
    "The whole subtree as it stands at the Zxid of the answer, whatever is written meanwhile. It is what `POST /v1/import` " +
    "takes. One that cannot be finished is cut off in the middle, so that it cannot pass for whole.",
  tags: ["znodes"],
  headers: znodeReadHeaders,
  response: { 200: linesAnswer(exampleZnodes), ...problems(...refusals) },
};
