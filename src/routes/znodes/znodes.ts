// /v1/znodes: a znode is a resource, its data the body, byte for byte (API section 2). A route reads the request,
// submits a command and says what came of it; whether it may is decided in the core.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { Create, SetData } from "../../core/command.ts";
import { validateTtl } from "../../core/command-syntax.ts";
import { KeeperError } from "../../core/errors.ts";
import { validatePath, validateSequentialPrefix } from "../../core/tree/path.ts";
import { type CreateMode, emptyData } from "../../core/tree/znode.ts";
import type { Written } from "../../core/txn.ts";
import { Selection, watchEventTypes } from "../../watches/selection.ts";
import type { BodiesInFlight } from "../http/bodies-in-flight.ts";
import { withHint } from "../http/hints.ts";
import { readBodiesWhole } from "../http/whole-bodies.ts";
import {
  etagOf,
  ifMatchOf,
  isKnown,
  knownTagsOf,
  mustBeNew,
  refuseConditions,
  tagOfUnknownPast,
} from "../wire/conditions.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "../wire/long-poll.ts";
import { linesMediaType } from "../wire/ndjson.ts";
import { type RouteParts, readerFor, touchSession, writeContextOf } from "../wire/parts.ts";
import { eventStream, progressMediaTypeOf, sendProgress } from "../wire/progress.ts";
import {
  conditionalReadHeaders,
  conditionalWriteHeaders,
  postHeaders,
  problems,
  replayedHeader,
  versionQuery,
  writeProblems,
  written,
} from "../wire/schemas.ts";
import { viewOf, znodeAt } from "../wire/views.ts";
import { urlOfZnode, znodePathOf } from "../wire/znode-path.ts";
import { deleteInParts } from "./delete-run.ts";

export const znodesUrl = "/v1/znodes";
const urls = [znodesUrl, `${znodesUrl}/*`];

const getQuery = Type.Object(
  {
    raw: Type.Boolean({ default: false, description: "Answer with the bytes alone." }),
    ...waitQuery,
    encoding: Type.Optional(
      Type.Literal("base64", { description: "Give the data as dataBase64, text or not." }),
    ),
  },
  { additionalProperties: false },
);

const createQuery = Type.Object(
  {
    ephemeral: Type.Boolean({ default: false, description: "The znode goes when its session ends." }),
    sequential: Type.Boolean({ default: false, description: "The server appends a number to the path." }),
    container: Type.Boolean({
      default: false,
      description:
        "The znode goes once its last child has gone, or when it has waited too long for a first one.",
    }),
    ttlMs: Type.Optional(Type.Integer({ description: "The znode goes when idle and empty for this long." })),
    parents: Type.Boolean({ default: false, description: "Make missing parents, in the same transaction." }),
  },
  { additionalProperties: false },
);

const setQuery = Type.Object(
  {
    version: versionQuery,
    upsert: Type.Boolean({ default: false, description: "Create the znode when it does not exist." }),
  },
  { additionalProperties: false },
);

const deleteQuery = Type.Object(
  {
    version: versionQuery,
    recursive: Type.Boolean({
      default: false,
      description: "Take the whole subtree, in one transaction of at most `transactionChangesMax` znodes.",
    }),
    inParts: Type.Boolean({
      default: false,
      description: "With recursive: leaves first, in many transactions, however large the subtree is.",
    }),
  },
  { additionalProperties: false },
);

/** The body of a write is data, whatever its Content-Type says: curl's default is not JSON either. */
export function acceptAnyBody(app: FastifyInstance, inFlight: BodiesInFlight): void {
  readBodiesWhole(app, inFlight, (_request, bytes) => bytes);
}

export function znodeRoutes(app: FastifyInstance, parts: RouteParts & { bodies: BodiesInFlight }): void {
  acceptAnyBody(app, parts.bodies);
  for (const url of urls) {
    readRoute(app, url, parts);
    createRoute(app, url, parts);
    setRoute(app, url, parts);
    deleteRoute(app, url, parts);
  }
}

/** The root's own URL behaves as the wildcard does, and is documented by it. */
function commonOf(url: string) {
  return { tags: ["znodes"], hide: url === znodesUrl };
}

function readRoute(plainApp: FastifyInstance, url: string, parts: RouteParts): void {
  const { store, sessions, watches, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.get(
    url,
    { schema: { ...commonOf(url), ...getSchema, querystring: getQuery }, config: { variesByAccept: true } },
    (request, reply) => {
      const path = znodePathOf(request, znodesUrl, limits);
      validatePath(path);
      assertWaitIsWhole(request.query);
      const known = knownTagsOf(request.headers);
      touchSession(request, sessions);
      const { raw, encoding, waitAfterZxid } = request.query;
      const send = () => sendZnode(request, reply, { path, parts, raw, encoding, known });
      if (waitAfterZxid === undefined) return send();
      const watched = { path, selection: watchedZnode(path) };
      return longPoll(request, reply, { watches, store }, watched).then(send);
    },
  );
}

function createRoute(plainApp: FastifyInstance, url: string, parts: RouteParts): void {
  const { store, limits } = parts;
  const bodyLimit = limits.dataBytesMax;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post(
    url,
    { schema: { ...commonOf(url), ...createSchema, querystring: createQuery }, bodyLimit },
    async (request, reply) => {
      const create = toCreate(znodePathOf(request, znodesUrl, limits), request.query, dataOf(request));
      refuseConditions(request.headers, ["if-match"], "A create has no version to expect; to set use PUT.");
      mustBeNew(request.headers);
      const contextOf = keyedContextsOf(request, parts);
      const commit = await store.submit({ ...create, ...contextOf() }).catch(withHint(create));
      noteReplay(reply, commit);
      return sendWritten(reply, commit.outcome, store);
    },
  );
}

function setRoute(plainApp: FastifyInstance, url: string, { store, sessions, limits }: RouteParts): void {
  const bodyLimit = limits.dataBytesMax;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.put(
    url,
    { schema: { ...commonOf(url), ...setSchema, querystring: setQuery }, bodyLimit },
    async (request, reply) => {
      const set = toSetData(znodePathOf(request, znodesUrl, limits), request.query, request);
      const written = { ...set, ...writeContextOf(request, sessions) };
      const commit = await store.submit(written).catch(withHint(set));
      return sendWritten(reply, commit.outcome, store);
    },
  );
}

function deleteRoute(plainApp: FastifyInstance, url: string, { store, sessions, limits }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.delete(
    url,
    { schema: { ...commonOf(url), ...deleteSchema, querystring: deleteQuery } },
    async (request, reply) => {
      const path = znodePathOf(request, znodesUrl, limits);
      validatePath(path);
      refuseConditions(request.headers, ["if-none-match"], "Use If-Match for the condition of a delete.");
      const { recursive, inParts, version } = request.query;
      if (inParts && !recursive) throw partsOfNothing();
      const mediaType = inParts ? progressMediaTypeOf(request) : null;
      const asked = {
        path,
        ...expectation(version, ifMatchOf(request.headers)),
        ...writeContextOf(request, sessions),
      };
      if (mediaType !== null) return await sendProgress(reply, deleteInParts(store, asked), mediaType);
      await store
        .submit({ type: recursive ? "deleteTree" : "delete", ...asked })
        .catch(withHint({ type: "delete", path }));
      return reply.code(204).send();
    },
  );
}

function watchedZnode(path: string): Selection {
  return new Selection({ paths: [path], scope: "node", types: watchEventTypes, withData: false });
}

function dataOf(request: FastifyRequest): Uint8Array {
  return (request.body as Uint8Array | undefined | null) ?? emptyData;
}

/** Syntax before everything else, in the order of the rules: path, kind, ttl (API section 8). */
export function toCreate(path: string, asked: Partial<Static<typeof createQuery>>, data: Uint8Array): Create {
  if (asked.sequential === true) validateSequentialPrefix(path);
  else validatePath(path);
  const create: Create = { type: "create", path, data, mode: modeOf(asked) };
  return asked.parents === true ? { ...create, parents: true } : create;
}

/** The seven kinds of znode there are (C1, C2); every other combination is refused. */
export function modeOf(asked: Partial<Static<typeof createQuery>>): CreateMode {
  const { ephemeral = false, sequential = false, container = false, ttlMs } = asked;
  const hasTtl = ttlMs !== undefined;
  if (hasTtl) validateTtl(ttlMs);
  if (container) {
    if (ephemeral || sequential || hasTtl)
      throw badMode("A container is neither ephemeral, sequential nor has a ttl.");
    return { kind: "container" };
  }
  if (ephemeral) {
    if (hasTtl) throw badMode("An ephemeral znode has no TTL: it is deleted when its session ends.");
    return { kind: "ephemeral", sequential };
  }
  return hasTtl ? { kind: "persistent", sequential, ttlMs } : { kind: "persistent", sequential };
}

function badMode(message: string): KeeperError {
  return new KeeperError("bad_mode", message);
}

function toSetData(path: string, query: Static<typeof setQuery>, request: FastifyRequest): SetData {
  validatePath(path);
  const { version, upsert } = query;
  const isNew = mustBeNew(request.headers);
  const ifMatch = ifMatchOf(request.headers);
  if (isNew && (version !== undefined || ifMatch !== undefined)) {
    throw new KeeperError(
      "bad_request",
      "If-None-Match: * asks for a new znode, which cannot have an expected version.",
    );
  }
  const set: SetData = { type: "setData", path, data: dataOf(request), ...expectation(version, ifMatch) };
  if (isNew) return { ...set, create: "only" };
  // If-Match, be it *, speaks of a znode that is there: one that is not is not made anew.
  return upsert && ifMatch === undefined ? { ...set, create: "upsert" } : set;
}

/** What is not there is refused in any case, so `*` asks for nothing more. */
function expectation(
  version: number | undefined,
  ifMatch: ReturnType<typeof ifMatchOf>,
): Pick<SetData, "version" | "ifMatch"> {
  if (version === undefined && ifMatch === undefined) return anyVersion;
  const hasTags = ifMatch !== undefined && ifMatch !== "*";
  return { ...(version !== undefined && { version }), ...(hasTags && { ifMatch }) };
}

const anyVersion = {};

function partsOfNothing(): KeeperError {
  return new KeeperError("bad_request", "inParts goes with recursive=true: one znode has no parts.");
}

function sendWritten(reply: FastifyReply, { path, stat, created }: Written, { epochs }: RouteParts["store"]) {
  if (created) reply.code(201).header("Location", urlOfZnode(znodesUrl, path));
  return reply.header("etag", etagOf(stat, epochs)).send({ path, stat });
}

interface ZnodeRead {
  readonly path: string;
  readonly raw: boolean;
  readonly encoding: "base64" | undefined;
  readonly known: ReturnType<typeof knownTagsOf>;
  readonly parts: RouteParts;
}

function sendZnode(request: FastifyRequest, reply: FastifyReply, read: ZnodeRead) {
  const { path, raw, encoding, known, parts } = read;
  const reader = readerFor(request, parts.store);
  const znode = znodeAt(reader, path);
  const isBytes = raw || prefersBytes(request);
  const etag = etagOf(znode, reader.epochs, isBytes ? "bytes" : encoding);
  reply.header("etag", etag);
  if (isKnown(etag, known)) return reply.code(304).send();
  const foreignTag = tagOfUnknownPast(known, reader);
  if (foreignTag !== undefined) parts.store.unknownPasts.note(foreignTag);
  if (isBytes) {
    reply.header("Content-Type", "application/octet-stream").header("X-Content-Type-Options", "nosniff");
    return reply.send(Buffer.from(znode.data));
  }
  return reply.send(viewOf(znode, encoding));
}

/** @throws KeeperError `not_acceptable` when the client takes neither JSON nor bytes */
function prefersBytes(request: FastifyRequest): boolean {
  const { accept } = request.headers;
  if (accept === undefined || accept === "*/*") return false;
  const type = request.accepts().type([...znodeMediaTypes]);
  if (type !== false) return type === "application/octet-stream";
  throw new KeeperError(
    "not_acceptable",
    `A znode is given as ${znodeMediaTypes.join(" or ")}, not as ${accept}.`,
  );
}

const znodeMediaTypes = ["application/json", "application/octet-stream"] as const;

const examplePath = "/services/web";
const exampleStat = {
  czxid: 1042,
  mzxid: 1042,
  pzxid: 1042,
  ctimeMs: 1_700_000_000_000,
  mtimeMs: 1_700_000_000_000,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: null,
  dataLength: 2,
  numChildren: 0,
};
const exampleWritten = { path: examplePath, stat: exampleStat };

function json(schema: object, description: string, example: object) {
  return { description, content: { "application/json": { schema, example } } };
}

const getSchema = {
  operationId: "getZnode",
  summary: "Data and stat of a znode",
  description:
    "The ETag is of the data in this incarnation, in this past of the store: children that come and go move the stat and not the ETag. Bytes and " +
    "base64 have ETags of their own; If-Match takes any of them.",
  headers: conditionalReadHeaders,
  response: {
    200: {
      description: "The znode. With raw=true or Accept: application/octet-stream, its bytes alone.",
      content: {
        "application/json": {
          schema: { $ref: "Znode#" },
          example: { path: examplePath, data: "up", stat: exampleStat },
        },
        "application/octet-stream": { schema: { type: "string", format: "binary" } },
      },
    },
    304: { description: "The znode is still what the If-None-Match header says.", type: "null" },
    ...problems("bad_path", "no_node", "not_acceptable", "session_expired", "history_trimmed", "throttled"),
  },
};

const createSchema = {
  operationId: "createZnode",
  summary: "Create a znode; the body is its data",
  headers: postHeaders,
  response: {
    201: {
      ...json(written, "The znode was created; Location and path say under which name.", exampleWritten),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "bad_mode",
      "bad_ttl",
      "session_required",
      "quota_exceeded",
      "no_node",
      "node_exists",
      "ephemeral_parent",
      "too_many_changes",
      "idempotency_key_reused",
    ),
  },
};

const setSchema = {
  operationId: "setZnode",
  summary: "Replace the data of a znode; the body is the data",
  headers: Type.Object({
    ...conditionalWriteHeaders.properties,
    "if-none-match": Type.Optional(Type.String({ description: "`*`: the znode must not exist yet." })),
  }),
  response: {
    200: json(written, "The data was replaced.", exampleWritten),
    201: json(written, "There was no znode, and upsert or If-None-Match: * asked for one.", exampleWritten),
    ...problems(
      ...writeProblems,
      "quota_exceeded",
      "no_node",
      "bad_version",
      "ephemeral_parent",
      "too_large",
    ),
  },
};

const deletedInParts = Type.Object({
  path: Type.String(),
  deleted: Type.Integer({ description: "Znodes this request has deleted." }),
  remaining: Type.Integer({ description: "Znodes of the subtree that are left; 0 at the end." }),
  zxid: Type.Integer({ description: "The last transaction of the delete." }),
});

const exampleDeleted = { path: examplePath, deleted: 30_000, remaining: 0, zxid: 1071 };

const deleteSchema = {
  operationId: "deleteZnode",
  summary: "Delete a znode, or a whole subtree",
  description:
    "With recursive=true the subtree goes in one transaction, which is refused with `too_many_changes` or `too_large` when " +
    "the subtree is larger than one transaction may be. With inParts=true as well it goes leaves first in many, and others " +
    "are served meanwhile; the root's version is looked at in each. What is gone stays gone when a later part is refused " +
    "(the refusal says how many were `deleted`) or when the client leaves, which stops it; sent again it goes on. Asked for " +
    `${linesMediaType} or ${eventStream} it says how far it is (\`progress\`) and ends with \`done\` or, when ` +
    "something was done by then, `failed` with the problem.",
  headers: conditionalWriteHeaders,
  response: {
    200: {
      description: "It went in parts, and is gone; or, asked for progress, the delete began.",
      content: {
        "application/json": { schema: { ...deletedInParts, examples: [exampleDeleted] } },
        [linesMediaType]: { schema: { type: "string" } },
        [eventStream]: { schema: { type: "string" } },
      },
    },
    204: { description: "It is gone.", type: "null" },
    ...problems(
      ...writeProblems,
      "reserved_path",
      "no_node",
      "not_empty",
      "bad_version",
      "too_many_changes",
      "not_acceptable",
    ),
  },
};
