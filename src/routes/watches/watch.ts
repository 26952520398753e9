// GET /v1/watch: what happens to znodes, as Server-Sent Events (API section 5). It reads what is asked and
// hands the response over; what is sent, and when, is decided in `watches/`.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { Ask } from "../../core/access/ask.ts";
import { inTree } from "../../core/access/root-paths.ts";
import { validatePathLength } from "../../core/command-syntax.ts";
import type { Limits } from "../../core/limits.ts";
import type { ReadContext } from "../../core/reader.ts";
import { validatePath } from "../../core/tree/path.ts";
import type { WatchEventType } from "../../core/watch-event.ts";
import type { Store } from "../../store/store.ts";
import { Selection, watchEventTypes } from "../../watches/selection.ts";
import type { Watches } from "../../watches/watches.ts";
import { countStream } from "../http/connection-share.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { acceptsEventStream, beginEventStream, connectReader } from "../http/sse.ts";
import { aclAuthHeader } from "../wire/acl-identities.ts";
import { callerOf } from "../wire/callers.ts";
import { reach } from "../wire/freshness.ts";
import { problems, stat, znode } from "../wire/schemas.ts";
import {
  eventStream,
  eventsOfAll,
  eventZxid,
  streamBookmark,
  streamHeaders,
  streamReset,
  streamSynced,
  transactionMembers,
} from "../wire/stream-schemas.ts";
import { assertCanStart, readerOf, resumeMembers, resumePointOf } from "../wire/stream-start.ts";
import { pathForm } from "../wire/text-forms.ts";
import { exampleZnode } from "../wire/znode-examples.ts";

const watchQuery = Type.Object(
  {
    path: Type.Array(Type.String(pathForm), {
      minItems: 1,
      maxItems: fixedLimits.watchPathsMax,
      ...named("watchPathsMax"),
      description: "The paths to watch; they need not exist. Repeat the parameter for several.",
      examples: [["/services", "/config"]],
    }),
    scope: Type.Union([Type.Literal("node"), Type.Literal("children"), Type.Literal("subtree")], {
      default: "node",
      description: "The node itself; the node and its direct children; the node and everything below it.",
    }),
    initial: Type.Boolean({ default: false, description: "Send the current state first." }),
    sinceZxid: resumeMembers.sinceZxid,
    lastEventId: resumeMembers.lastEventId,
    types: Type.String({
      default: watchEventTypes.join(","),
      pattern: "^(created|changed|deleted)(,(created|changed|deleted))*$",
      "x-form": "created, changed or deleted, or several of them, comma-separated",
      description: "Types of event to send, comma-separated.",
    }),
    data: Type.Boolean({ default: true, description: "Send the data of znodes, not only their stat." }),
    once: Type.Boolean({ default: false, description: "Close after the first change." }),
    bookmarkMs: resumeMembers.bookmarkMs,
    heartbeatMs: resumeMembers.heartbeatMs,
  },
  { additionalProperties: false },
);

/** What has a default is filled in before the body is validated, and need not be sent. */
const { lastEventId: _, ...bodyMembers } = watchQuery.properties;
const documentedBody = {
  ...watchQuery,
  properties: bodyMembers,
  title: "WatchSelection",
  required: ["path"],
  examples: [{ path: ["/services", "/config"], scope: "subtree" }],
};

type WatchQuery = Static<typeof watchQuery>;

interface WatchRoutesParts {
  readonly watches: Watches;
  /** The last applied transaction, for the `Zxid` header (Z6). */
  readonly store: Store;
  readonly limits: Pick<Limits, "pathLengthMax">;
}

export function watchRoutes(plainApp: FastifyInstance, { watches, store, limits }: WatchRoutesParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  // A HEAD of a stream would never end: the method is not offered.
  const schema = { ...watchSchema, querystring: watchQuery };
  app.get("/v1/watch", { schema, config: { takesTicket: true }, exposeHeadRoute: false }, (request, reply) =>
    begin(request, reply, request.query),
  );

  app.post(
    "/v1/watch",
    { schema: { ...watchByBodySchema, body: watchQuery }, config: { documentedBody } },
    (request, reply) => begin(request, reply, request.body),
  );

  async function begin(request: FastifyRequest, reply: FastifyReply, query: WatchQuery) {
    const { headers } = request;
    for (const path of query.path) {
      validatePathLength(path, limits);
      validatePath(path);
    }
    const start = resumePointOf(query, headers) ?? { kind: "now", initial: query.initial };
    selectionOf(query, callerOf(request));
    if (start.kind === "after") await reach(start.zxid, store, reply);
    if (!acceptsEventStream(headers.accept)) assertCanStart(start, watches, "Start again with initial=true.");
    watches.assertOpens();
    const whose = readerOf(request, store);
    const selection = selectionOf(query, whose.context);
    const { once, bookmarkMs, heartbeatMs } = query;
    countStream(reply);
    const sink = beginEventStream(reply, store);
    const stream = watches.open({ selection, start, once, bookmarkMs, heartbeatMs, ...whose }, sink);
    connectReader(reply.raw, sink, stream);
  }
}

/** @throws KeeperError `forbidden` where one of the paths may not be read */
function selectionOf(query: WatchQuery, { permits }: ReadContext): Selection {
  const ask = new Ask(permits);
  for (const path of query.path) ask.require(path, "read");
  return new Selection({
    paths: query.path.map((path) => inTree(permits.root, path)),
    scope: query.scope,
    types: query.types.split(",") as WatchEventType[],
    withData: query.data,
    permits,
  });
}

const exampleChange = {
  ...{ zxid: 1042, timeMs: 1_700_000_000_000, cause: "request" },
  events: [{ type: "created", ...exampleZnode }],
};

const exampleEvents = [
  "retry: 1734\n",
  'id: 1040.3f9a01c2d4\nevent: synced\ndata: {"zxid":1040}\n\n',
  "id: 1042.3f9a01c2d4\nevent: change\n",
  `data: ${JSON.stringify(exampleChange)}\n\n`,
].join("");

const watchSnapshot = Type.Object(
  { zxid: eventZxid, znodes: Type.Array(znode) },
  { title: "WatchSnapshot", description: "A page of the znodes there are now." },
);

const watchEvent = Type.Object(
  {
    type: Type.Enum([...watchEventTypes]),
    path: Type.String(),
    data: Type.Optional(Type.String({ description: "The data, where it is UTF-8 text." })),
    dataBase64: Type.Optional(Type.String({ description: "The data, where it is not." })),
    stat,
  },
  { title: "WatchEvent", description: "A znode as it became, or for `deleted` as it last was." },
);

const watchChange = Type.Object(
  { ...transactionMembers, events: Type.Array(watchEvent, { description: "In the order they were done." }) },
  { title: "WatchChange", description: "What one transaction did to the znodes that are watched." },
);

const events = {
  ...{ snapshot: watchSnapshot, synced: streamSynced, change: watchChange },
  ...{ bookmark: streamBookmark, reset: streamReset, ...eventsOfAll },
};

const watchSchema = {
  operationId: "watch",
  summary: "What happens to znodes, as Server-Sent Events",
  description:
    "`change`: one transaction, with the id to resume after. `snapshot` and `synced`: what there is now, and its end. " +
    "`bookmark`: nothing happened, but the resume point moves on. `reset`: the resume point is gone, the current state " +
    "follows. `bye`: a planned close. `suspended`: this server cannot reach the log; `connected`: it can again, and what was " +
    "missed follows. To resume, send the last id as `Last-Event-ID`: it has the epoch of its zxid, so that a " +
    "store which was rolled back says `reset`. `sinceZxid` is the number alone.",
  tags: ["watches"],
  headers: Type.Object({ ...streamHeaders.properties, ...aclAuthHeader }),
  response: {
    200: eventStream(exampleEvents, events),
    ...problems("bad_path", "history_trimmed", "throttled"),
  },
};

const watchByBodySchema = {
  ...watchSchema,
  operationId: "watchByBody",
  summary: "The same, for paths that are too long for a URL",
  description: "The body has the members of the query of `GET /v1/watch`; `path` is a list.",
};
