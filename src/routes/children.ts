// GET /v1/children: the names under a znode, in order and in pages, however many there are (API section 2).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { KeeperError } from "../core/errors.ts";
import { joinPath, validateName, validatePath } from "../core/path.ts";
import { statOf } from "../core/stat.ts";
import type { State } from "../core/state.ts";
import { TreeWalk } from "../core/tree-walk.ts";
import type { Znode } from "../core/znode.ts";
import { Selection } from "../watches/selection.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "./long-poll.ts";
import { linesHaveNoLimit, linesMediaType, prefersLines, sendLines } from "./ndjson.ts";
import { type RouteParts, touchSession } from "./parts.ts";
import { problems, readHeaders, stat as statSchema, znode as znodeSchema } from "./schemas.ts";
import { znodePathOf } from "./znode-path.ts";
import { includedIn, includeQuery, viewOf, type ZnodeView } from "./znode-view.ts";

const childrenUrl = "/v1/children";

const childrenQuery = Type.Object(
  {
    ...waitQuery,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: "Names in one page (1000); lines have none.",
      }),
    ),
    after: Type.Optional(Type.String({ maxLength: 4096, description: "Go on after this name." })),
    prefix: Type.Optional(Type.String({ maxLength: 4096, description: "Only names that start so." })),
    include: includeQuery(""),
  },
  { additionalProperties: false },
);

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

const pageNamesDefault = 1000;
/** A page with data ends once it has this many bytes, however few its children. */
const pageDataBytesMax = 4 * 1024 * 1024;

export function childrenRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, sessions, watches, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [childrenUrl, `${childrenUrl}/*`]) {
    app.get(
      url,
      { schema: { ...childrenSchema, hide: url === childrenUrl, querystring: childrenQuery } },
      async (request, reply) => {
        const path = znodePathOf(request, childrenUrl);
        validatePath(path);
        assertWaitIsWhole(request.query);
        if (request.query.after !== undefined) validateName(request.query.after);
        const asLines = prefersLines(request);
        if (asLines && request.query.limit !== undefined) throw linesHaveNoLimit();
        touchSession(request, sessions);
        await longPoll(request, reply, { watches, clock: store.clock }, watchedChildren(path));
        const parent = parentAt(store.state, path);
        if (!asLines) return pageOf(store.state, parent, request.query);
        const walk = walkOf(store.state, path, request.query, limits.snapshotKeptBytesMax);
        return sendLines(request, reply, walk, includedIn(request.query.include));
      },
    );
  }
}

/** Children coming and going; what happens inside a child is not its parent's affair (W8). */
function watchedChildren(path: string): Selection {
  return new Selection({ paths: [path], scope: "children", types: ["created", "deleted"], withData: false });
}

function parentAt(state: State, path: string): Znode {
  const parent = state.tree.get(path);
  if (parent === undefined) throw new KeeperError("no_node", `${path} does not exist.`, { path });
  return parent;
}

/** The children alone: the walk begins behind their parent. */
function walkOf(state: State, path: string, query: ChildrenQuery, keptBytesMax: number): TreeWalk {
  const { after, prefix = "" } = query;
  const cursor = after === undefined ? path : joinPath(path, after);
  return new TreeWalk(state.tree, state.zxid, {
    roots: [path],
    depthMax: 1,
    after: cursor,
    prefix,
    keptBytesMax,
  });
}

function pageOf(state: State, parent: Znode, query: ChildrenQuery) {
  const { path } = parent;
  const { limit = pageNamesDefault } = query;
  const included = includedIn(query.include);
  const children: string[] = [];
  const znodes: ZnodeView[] = [];
  let dataBytes = 0;
  let hasMore = false;
  for (const name of namesOf(state, path, query)) {
    hasMore = children.length === limit || dataBytes > pageDataBytesMax;
    if (hasMore) break;
    children.push(name);
    if (query.include === "") continue;
    const znode = state.tree.get(joinPath(path, name)) as Znode;
    znodes.push(viewOf(znode, included));
    if (included.data) dataBytes += znode.data.byteLength;
  }
  return {
    path,
    stat: statOf(parent),
    children,
    ...(query.include !== "" && { znodes }),
    ...(hasMore && { next: children.at(-1) as string }),
  };
}

function* namesOf(state: State, path: string, { after, prefix = "" }: ChildrenQuery) {
  const from = after !== undefined && after > prefix ? after : prefix;
  for (const name of state.tree.childNames(path, from)) {
    if (!name.startsWith(prefix)) return;
    if (name !== after) yield name;
  }
}

const childrenSchema = {
  operationId: "listChildren",
  summary: "Names of a znode's children, in pages",
  description:
    "A page is one consistent picture; between pages children may come and go. `next` is the cursor of the next page. " +
    `As ${linesMediaType} it is all of them as they stand at the Zxid of the answer, one znode a line, whatever is ` +
    "written meanwhile.",
  tags: ["znodes"],
  headers: readHeaders,
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
    ...problems("bad_path", "no_node", "not_acceptable", "session_expired"),
  },
};
