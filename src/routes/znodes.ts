// /v1/znodes: a znode is a resource, its data the body, byte for byte (API section 2). A route reads the request,
// submits a command and says what came of it; whether it may is decided in the core.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { Create, SetData } from "../core/command.ts";
import { validateTtl } from "../core/command-syntax.ts";
import { KeeperError } from "../core/errors.ts";
import { validatePath, validateSequentialPrefix } from "../core/path.ts";
import { statOf } from "../core/stat.ts";
import type { Written } from "../core/txn.ts";
import { type CreateMode, emptyData } from "../core/znode.ts";
import { dataMember } from "../store/json-data.ts";
import { Selection, watchEventTypes } from "../watches/selection.ts";
import { etagOf, ifMatchOf, isUnchanged, mustBeNew } from "./conditions.ts";
import { ignoreContentType } from "./content-type.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "./long-poll.ts";
import { type RouteParts, touchSession, writeContextOf } from "./parts.ts";
import { problems, readHeaders, versionQuery, writeHeaders, writeProblems, written } from "./schemas.ts";
import { urlOfZnode, znodePathOf } from "./znode-path.ts";

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
    container: Type.Boolean({ default: false, description: "The znode goes once its last child has gone." }),
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
    recursive: Type.Boolean({ default: false, description: "Take the whole subtree, in one transaction." }),
  },
  { additionalProperties: false },
);

/** The body of a write is data, whatever its Content-Type says: curl's default is not JSON either. */
export function acceptAnyBody(app: FastifyInstance): void {
  ignoreContentType(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
}

export function znodeRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, sessions, watches, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  acceptAnyBody(plainApp);
  const bodyLimit = limits.dataBytesMax;

  for (const url of urls) {
    // The root's own URL behaves as the wildcard does, and is documented by it.
    const common = { tags: ["znodes"], hide: url === znodesUrl };
    app.get(url, { schema: { ...common, ...getSchema, querystring: getQuery } }, (request, reply) => {
      const path = znodePathOf(request, znodesUrl, limits);
      validatePath(path);
      assertWaitIsWhole(request.query);
      touchSession(request, sessions);
      const { raw, encoding, waitAfterZxid } = request.query;
      const send = () =>
        sendZnode(request, reply, { path, parts, raw, ...(encoding !== undefined && { encoding }) });
      if (waitAfterZxid === undefined) return send();
      return longPoll(request, reply, { watches, clock: store.clock }, watchedZnode(path)).then(send);
    });

    app.post(
      url,
      { schema: { ...common, ...createSchema, querystring: createQuery }, bodyLimit },
      async (request, reply) => {
        const create = toCreate(znodePathOf(request, znodesUrl, limits), request.query, dataOf(request));
        const commit = await store.submit({ ...create, ...writeContextOf(request, sessions) });
        return sendWritten(reply, commit.outcome);
      },
    );

    app.put(
      url,
      { schema: { ...common, ...setSchema, querystring: setQuery }, bodyLimit },
      async (request, reply) => {
        const set = toSetData(znodePathOf(request, znodesUrl, limits), request.query, request);
        const commit = await store.submit({ ...set, ...writeContextOf(request, sessions) });
        return sendWritten(reply, commit.outcome);
      },
    );

    app.delete(
      url,
      { schema: { ...common, ...deleteSchema, querystring: deleteQuery } },
      async (request, reply) => {
        const path = znodePathOf(request, znodesUrl, limits);
        validatePath(path);
        const { recursive, version } = request.query;
        await store.submit({
          type: recursive ? "deleteTree" : "delete",
          path,
          ...expectation(version, request),
          ...writeContextOf(request, sessions),
        });
        return reply.code(204).send();
      },
    );
  }
}

function watchedZnode(path: string): Selection {
  return new Selection({ paths: [path], scope: "node", types: watchEventTypes, withData: false });
}

function dataOf(request: FastifyRequest): Uint8Array {
  return (request.body as Uint8Array | undefined | null) ?? emptyData;
}

/** Syntax before everything else, in the order of the rules: path, kind, ttl (API section 8). */
function toCreate(path: string, query: Static<typeof createQuery>, data: Uint8Array): Create {
  if (query.sequential) validateSequentialPrefix(path);
  else validatePath(path);
  const create: Create = { type: "create", path, data, mode: modeOf(query) };
  return query.parents ? { ...create, parents: true } : create;
}

/** The seven kinds of znode there are (C1, C2); every other combination is refused. */
export function modeOf(asked: {
  ephemeral?: boolean;
  sequential?: boolean;
  container?: boolean;
  ttlMs?: number;
}): CreateMode {
  const { ephemeral = false, sequential = false, container = false, ttlMs } = asked;
  const hasTtl = ttlMs !== undefined;
  if (hasTtl) validateTtl(ttlMs);
  if (container) {
    if (ephemeral || sequential || hasTtl)
      throw badMode("A container is neither ephemeral, sequential nor has a ttl.");
    return { kind: "container" };
  }
  if (ephemeral) {
    if (hasTtl) throw badMode("An ephemeral znode has no ttl: it goes when its session ends.");
    return { kind: "ephemeral", sequential };
  }
  return hasTtl ? { kind: "persistent", sequential, ttlMs } : { kind: "persistent", sequential };
}

function badMode(message: string): KeeperError {
  return new KeeperError("bad_mode", message);
}

function toSetData(path: string, query: Static<typeof setQuery>, request: FastifyRequest): SetData {
  validatePath(path);
  const isNew = mustBeNew(request.headers);
  const set: SetData = {
    type: "setData",
    path,
    data: dataOf(request),
    ...expectation(query.version, request),
  };
  if (isNew && (set.version !== undefined || set.ifMatch !== undefined)) {
    throw new KeeperError(
      "bad_request",
      "If-None-Match: * asks for a new znode, which has no version to expect.",
    );
  }
  if (isNew) return { ...set, create: "only" };
  return query.upsert ? { ...set, create: "upsert" } : set;
}

function expectation(
  version: number | undefined,
  request: FastifyRequest,
): Pick<SetData, "version" | "ifMatch"> {
  const ifMatch = ifMatchOf(request.headers);
  if (version === undefined && ifMatch === undefined) return anyVersion;
  return { ...(version !== undefined && { version }), ...(ifMatch !== undefined && { ifMatch }) };
}

const anyVersion = {};

function sendWritten(reply: FastifyReply, { path, stat, created }: Written) {
  if (created) reply.code(201).header("Location", urlOfZnode(znodesUrl, path));
  return reply.header("ETag", etagOf(stat)).send({ path, stat });
}

interface ZnodeView {
  readonly path: string;
  readonly raw: boolean;
  readonly encoding?: "base64";
  readonly parts: RouteParts;
}

function sendZnode(request: FastifyRequest, reply: FastifyReply, { path, raw, encoding, parts }: ZnodeView) {
  const znode = parts.store.state.tree.get(path);
  if (znode === undefined) throw new KeeperError("no_node", `${path} does not exist.`, { path });
  const etag = etagOf(znode);
  reply.header("ETag", etag);
  if (isUnchanged(request.headers, etag)) return reply.code(304).send();
  if (raw || prefersBytes(request)) {
    reply.header("Content-Type", "application/octet-stream").header("X-Content-Type-Options", "nosniff");
    return reply.send(Buffer.from(znode.data));
  }
  return reply.send({ path, ...dataMember(znode.data, encoding), stat: statOf(znode) });
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
  headers: readHeaders,
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
    ...problems("bad_path", "no_node", "not_acceptable", "session_expired"),
  },
};

const createSchema = {
  operationId: "createZnode",
  summary: "Create a znode; the body is its data",
  headers: writeHeaders,
  response: {
    201: json(written, "The znode was created; Location and path say under which name.", exampleWritten),
    ...problems(
      ...writeProblems,
      "bad_mode",
      "bad_ttl",
      "session_required",
      "no_node",
      "node_exists",
      "ephemeral_parent",
      "too_large",
    ),
  },
};

const setSchema = {
  operationId: "setZnode",
  summary: "Replace the data of a znode; the body is the data",
  headers: writeHeaders,
  response: {
    200: json(written, "The data was replaced.", exampleWritten),
    201: json(written, "There was no znode, and upsert or If-None-Match: * asked for one.", exampleWritten),
    ...problems(...writeProblems, "no_node", "bad_version", "ephemeral_parent", "too_large"),
  },
};

const deleteSchema = {
  operationId: "deleteZnode",
  summary: "Delete a znode, or a whole subtree",
  headers: writeHeaders,
  response: {
    204: { description: "It is gone.", type: "null" },
    ...problems(...writeProblems, "reserved_path", "no_node", "not_empty", "bad_version"),
  },
};
