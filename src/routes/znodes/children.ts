// GET /v1/children: the names under a znode, in order and in pages, however many there are (API section 2).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { Reader } from "../../core/reader.ts";
import { joinPath, validateName, validatePath } from "../../core/tree/path.ts";
import type { TreeWalk } from "../../core/tree/tree-walk.ts";
import { isKnown, knownTagsOf, listTagOf, tagOfUnknownPast } from "../wire/conditions.ts";
import { nextMember } from "../wire/cursors.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "../wire/long-poll.ts";
import {
  fileMediaType,
  linesAnswer,
  linesHaveNoLimit,
  linesMediaType,
  prefersLines,
  sendLines,
  type WalkRead,
} from "../wire/ndjson.ts";
import { type ReadParts, readerFor, touchSession } from "../wire/parts.ts";
import {
  conditionalReadHeaders,
  etagHeader,
  json,
  problems,
  stat as statSchema,
  znodeReadHeaders,
  znode as znodeSchema,
} from "../wire/schemas.ts";
import { includedIn, pageMembers, pageOf, znodeAt } from "../wire/views.ts";
import { exampleStat } from "../wire/znode-examples.ts";
import { znodePathOf } from "../wire/znode-path.ts";

const childrenUrl = "/v1/children";
const exportUrl = "/v1/export-children";

const childrenQuery = Type.Object({ ...waitQuery, ...pageMembers }, { additionalProperties: false });

const { limit: _, ...linesMembers } = pageMembers;
const linesQuery = Type.Object(linesMembers, { additionalProperties: false });

type ChildrenQuery = Static<typeof childrenQuery>;

const childrenPage = Type.Object(
  {
    path: Type.String({ description: "Their parent." }),
    stat: statSchema,
    children: Type.Array(Type.String(), { description: "Names in code-unit order." }),
    znodes: Type.Optional(
      Type.Array(znodeSchema, {
        description: "The same children in the same order, when include asks for more.",
      }),
    ),
    next: nextMember,
  },
  { title: "ChildrenPage" },
);

export function childrenRoutes(plainApp: FastifyInstance, parts: ReadParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [childrenUrl, `${childrenUrl}/*`]) {
    const schema = { ...childrenSchema, hide: url === childrenUrl, querystring: childrenQuery };
    app.get(url, { schema, config: { variesByAccept: true } }, (request, reply) => {
      const asLines = () => (prefersLines(request) ? linesMediaType : null);
      return read(request, reply, { prefix: childrenUrl, parts, asLines });
    });
  }
  for (const url of [exportUrl, `${exportUrl}/*`]) {
    const schema = { ...exportSchema, hide: url === exportUrl, querystring: linesQuery };
    app.get(url, { schema }, (request, reply) =>
      read(request, reply, { prefix: exportUrl, parts, asLines: () => fileMediaType }),
    );
  }
}

async function read(
  request: FastifyRequest<{ Querystring: ChildrenQuery }>,
  reply: FastifyReply,
  { prefix, parts, asLines }: WalkRead,
) {
  const { store, sessions, watches, limits, answers } = parts;
  const { query } = request;
  const path = znodePathOf(request, prefix, limits);
  validatePath(path);
  assertWaitIsWhole(query);
  if (query.after !== undefined) validateName(query.after);
  const mediaType = asLines();
  const known = mediaType === null ? knownTagsOf(request.headers) : undefined;
  if (mediaType !== null && query.limit !== undefined) throw linesHaveNoLimit();
  touchSession(request, sessions);
  if (query.waitAfterZxid !== undefined) {
    // Children coming and going; what happens inside a child is not its parent's affair (W8).
    const watched = { path, scope: "children", types: ["created", "deleted"] } as const;
    await longPoll(request, reply, { watches, store }, watched);
  }
  const reader = readerFor(request, store);
  if (mediaType !== null) {
    znodeAt(reader, path);
    const walk = () => walkOf(reader, path, query, limits.snapshotKeptBytesMax);
    return sendLines(request, reply, {
      answers,
      store,
      walk,
      mediaType,
      included: includedIn(query.include ?? ""),
    });
  }
  const { view, changedZxid, isWhole } = pageOf(reader, path, query);
  if (!isWhole) return view;
  const etag = listTagOf(changedZxid, reader.epochs);
  reply.header("etag", etag);
  if (isKnown(etag, known)) return reply.code(304).send();
  const foreignTag = tagOfUnknownPast(known, reader);
  if (foreignTag !== undefined) store.unknownPasts.note(foreignTag);
  return view;
}

/** The children alone: the walk begins behind their parent. */
function walkOf(reader: Reader, path: string, query: ChildrenQuery, keptBytesMax: number): TreeWalk {
  const { after, prefix = "" } = query;
  return reader.walk({
    roots: [path],
    depthMax: 1,
    after: after === undefined ? path : joinPath(path, after),
    prefix,
    keptBytesMax,
  });
}

const refusals = ["bad_path", "no_node", "session_expired", "history_trimmed", "throttled"] as const;

const exampleChildren = {
  path: "/services",
  stat: { ...exampleStat, czxid: 7, mzxid: 7, cversion: 2, dataLength: 0, numChildren: 2 },
  children: ["search", "web"],
};

const childrenSchema = {
  operationId: "listChildren",
  summary: "Names of a znode's children, in pages",
  description:
    "A page is one consistent picture; between pages children may come and go. `next` is the cursor of the next page. The " +
    "ETag of a page is of what is listed, that is the names, or with `include` the children as well, and not of the " +
    `parent's stat. Asked for ${linesMediaType} it is all of them, as \`GET /v1/export-children/{path}\` gives them.`,
  tags: ["znodes"],
  headers: conditionalReadHeaders,
  response: {
    200: { ...json(childrenPage, "A page of children.", exampleChildren), headers: etagHeader },
    304: {
      description: "What is listed is still what the If-None-Match header says.",
      type: "null",
      headers: etagHeader,
    },
    ...problems(...refusals, "not_acceptable"),
  },
};

const exportSchema = {
  operationId: "exportChildren",
  summary: "A znode's children, one a line",
  description:
    "All of them as they stand at the Zxid of the answer, whatever is written meanwhile. One that cannot be finished is " +
    "cut off in the middle, so that it cannot pass for whole.",
  tags: ["znodes"],
  headers: znodeReadHeaders,
  response: {
    200: linesAnswer([{ path: "/services/search" }, { path: "/services/web" }]),
    ...problems("bad_path", "no_node", "session_expired", "throttled"),
  },
};
