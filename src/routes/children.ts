// GET /v1/children: the names under a znode, in order and in pages, however many there are (API section 2).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { KeeperError } from "../core/errors.ts";
import { joinPath, validateName, validatePath } from "../core/path.ts";
import { type Stat, statOf } from "../core/stat.ts";
import type { State } from "../core/state.ts";
import { dataMember } from "../store/json-data.ts";
import { Selection } from "../watches/selection.ts";
import { fixedLimits, named } from "./fixed-limits.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "./long-poll.ts";
import { type RouteParts, touchSession } from "./parts.ts";
import { pageLimit, problems, readHeaders, stat as statSchema, znode as znodeSchema } from "./schemas.ts";
import { znodePathOf } from "./znode-path.ts";

const childrenUrl = "/v1/children";

const cursorLength = { maxLength: fixedLimits.cursorLengthMax, ...named("cursorLengthMax") };

const childrenQuery = Type.Object(
  {
    ...waitQuery,
    limit: pageLimit("Names in one page."),
    after: Type.Optional(Type.String({ ...cursorLength, description: "Go on after this name." })),
    prefix: Type.Optional(Type.String({ ...cursorLength, description: "Only names that start so." })),
    include: Type.Optional(
      Type.String({
        pattern: "^(stat|data)(,(stat|data))?$",
        description: "Add the stat, the data, or both (comma-separated) of each child, as `znodes`.",
      }),
    ),
  },
  { additionalProperties: false },
);

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

export function childrenRoutes(
  plainApp: FastifyInstance,
  { store, sessions, watches, limits }: RouteParts,
): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [childrenUrl, `${childrenUrl}/*`]) {
    app.get(
      url,
      { schema: { ...childrenSchema, hide: url === childrenUrl, querystring: childrenQuery } },
      async (request, reply) => {
        const path = znodePathOf(request, childrenUrl, limits);
        validatePath(path);
        assertWaitIsWhole(request.query);
        if (request.query.after !== undefined) validateName(request.query.after);
        touchSession(request, sessions);
        await longPoll(request, reply, { watches, clock: store.clock }, watchedChildren(path));
        return pageOf(store.state, path, request.query);
      },
    );
  }
}

/** Children coming and going; what happens inside a child is not its parent's affair (W8). */
function watchedChildren(path: string): Selection {
  return new Selection({ paths: [path], scope: "children", types: ["created", "deleted"], withData: false });
}

interface ChildView {
  readonly path: string;
  readonly stat?: Stat;
  readonly data?: string;
  readonly dataBase64?: string;
}

function pageOf(state: State, path: string, query: Static<typeof childrenQuery>) {
  const parent = state.tree.get(path);
  if (parent === undefined) throw new KeeperError("no_node", `${path} does not exist.`, { path });
  const included = query.include?.split(",") ?? [];
  const view = { withStat: included.includes("stat"), withData: included.includes("data") };
  const children: string[] = [];
  const znodes: ChildView[] = [];
  let dataBytes = 0;
  let hasMore = false;
  for (const name of namesOf(state, path, query)) {
    hasMore = children.length === query.limit || dataBytes > fixedLimits.pageDataBytesMax;
    if (hasMore) break;
    children.push(name);
    if (included.length === 0) continue;
    const child = viewOf(state, joinPath(path, name), view);
    znodes.push(child.view);
    dataBytes += child.dataBytes;
  }
  return {
    path,
    stat: statOf(parent),
    children,
    ...(included.length > 0 && { znodes }),
    ...(hasMore && { next: children.at(-1) as string }),
  };
}

function* namesOf(state: State, path: string, { after, prefix = "" }: Static<typeof childrenQuery>) {
  const from = after !== undefined && after > prefix ? after : prefix;
  for (const name of state.tree.childNames(path, from)) {
    if (!name.startsWith(prefix)) return;
    if (name !== after) yield name;
  }
}

function viewOf(
  state: State,
  path: string,
  { withStat, withData }: { withStat: boolean; withData: boolean },
) {
  const znode = state.tree.get(path);
  if (znode === undefined) throw new Error(`${path} is among its parent's names but not in the tree`);
  const view: ChildView = {
    path,
    ...(withData && dataMember(znode.data)),
    ...(withStat && { stat: statOf(znode) }),
  };
  return { view, dataBytes: withData ? znode.data.byteLength : 0 };
}

const childrenSchema = {
  operationId: "listChildren",
  summary: "Names of a znode's children, in pages",
  description:
    "A page is one consistent picture; between pages children may come and go. `next` is the cursor of the next page.",
  tags: ["znodes"],
  headers: readHeaders,
  response: {
    200: {
      description: "A page of children.",
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
      },
    },
    ...problems("bad_path", "no_node", "session_expired"),
  },
};
