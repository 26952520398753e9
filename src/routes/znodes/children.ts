// GET /v1/children: the names under a znode, in order and in pages, however many there are (API section 2).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import type { Reader } from "../../core/reader.ts";
import { joinPath, validateName, validatePath } from "../../core/tree/path.ts";
import type { TreeWalk } from "../../core/tree/tree-walk.ts";
import { Selection } from "../../watches/selection.ts";
import { isKnown, knownTagsOf, listTagOf, tagOfUnknownPast } from "../wire/conditions.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "../wire/long-poll.ts";
import { linesHaveNoLimit, linesMediaType, prefersLines, sendLines } from "../wire/ndjson.ts";
import { type ReadParts, readerFor, touchSession } from "../wire/parts.ts";
import {
  conditionalReadHeaders,
  problems,
  stat as statSchema,
  znode as znodeSchema,
} from "../wire/schemas.ts";
import { includedIn, pageMembers, pageOf, znodeAt } from "../wire/views.ts";
import { znodePathOf } from "../wire/znode-path.ts";

const childrenUrl = "/v1/children";

const childrenQuery = Type.Object({ ...waitQuery, ...pageMembers }, { additionalProperties: false });

type ChildrenQuery = Static<typeof childrenQuery>;

const childrenAnswer = Type.Object({
  path: Type.String(),
  stat: statSchema,
  children: Type.Array(Type.String(), { description: "Names in code-unit order." }),
  znodes: Type.Optional(
    Type.Array(znodeSchema, {
      description: "The same children in the same order, when include asks for more.",
    }),
  ),
  next: Type.Optional(Type.String({ description: "There are more: ask again with after set to this." })),
});

export function childrenRoutes(plainApp: FastifyInstance, parts: ReadParts): void {
  const { store, sessions, watches, limits, answers } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [childrenUrl, `${childrenUrl}/*`]) {
    app.get(
      url,
      {
        schema: { ...childrenSchema, hide: url === childrenUrl, querystring: childrenQuery },
        config: { variesByAccept: true },
      },
      async (request, reply) => {
        const path = znodePathOf(request, childrenUrl, limits);
        validatePath(path);
        assertWaitIsWhole(request.query);
        if (request.query.after !== undefined) validateName(request.query.after);
        const known = knownTagsOf(request.headers);
        const asLines = prefersLines(request);
        if (asLines && request.query.limit !== undefined) throw linesHaveNoLimit();
        touchSession(request, sessions);
        if (request.query.waitAfterZxid !== undefined) {
          const watched = { path, selection: watchedChildren(path) };
          await longPoll(request, reply, { watches, store }, watched);
        }
        const reader = readerFor(request, store);
        if (asLines) {
          znodeAt(reader, path);
          const walk = () => walkOf(reader, path, request.query, limits.snapshotKeptBytesMax);
          const included = includedIn(request.query.include ?? "");
          return sendLines(request, reply, { answers, walk, included });
        }
        const { view, changedZxid } = pageOf(reader, path, request.query);
        const etag = listTagOf(changedZxid, reader.epochs);
        reply.header("etag", etag);
        if (isKnown(etag, known)) return reply.code(304).send();
        const foreignTag = tagOfUnknownPast(known, reader);
        if (foreignTag !== undefined) store.unknownPasts.note(foreignTag);
        return view;
      },
    );
  }
}

/** Children coming and going; what happens inside a child is not its parent's affair (W8). */
function watchedChildren(path: string): Selection {
  return new Selection({ paths: [path], scope: "children", types: ["created", "deleted"], withData: false });
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

const childrenSchema = {
  operationId: "listChildren",
  summary: "Names of a znode's children, in pages",
  description:
    "A page is one consistent picture; between pages children may come and go. `next` is the cursor of the next page. " +
    `As ${linesMediaType} it is all of them as they stand at the Zxid of the answer, one znode a line, whatever is ` +
    "written meanwhile. The ETag of a page is of what is listed, that is the names, or with `include` the children as well, and not of the parent's stat.",
  tags: ["znodes"],
  headers: conditionalReadHeaders,
  response: {
    200: {
      description: "A page of children, or a line for each.",
      content: {
        "application/json": {
          schema: {
            ...childrenAnswer,
            examples: [
              {
                path: "/services",
                stat: {
                  czxid: 7,
                  mzxid: 7,
                  pzxid: 1042,
                  ctimeMs: 1_700_000_000_000,
                  mtimeMs: 1_700_000_000_000,
                  version: 0,
                  cversion: 2,
                  aversion: 0,
                  ephemeralOwner: null,
                  dataLength: 0,
                  numChildren: 2,
                },
                children: ["search", "web"],
              },
            ],
          },
        },
        [linesMediaType]: { schema: { type: "string" } },
      },
    },
    304: { description: "What is listed is still what the If-None-Match header says.", type: "null" },
    ...problems("bad_path", "no_node", "not_acceptable", "session_expired", "history_trimmed", "throttled"),
  },
};
