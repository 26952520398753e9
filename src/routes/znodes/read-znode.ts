// GET /v1/znodes/{path}: data and stat of a znode; GET /v1/data/{path}: its bytes alone (API section 2).

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import { validatePath } from "../../core/tree/path.ts";
import { watchEventTypes } from "../../watches/selection.ts";
import { etagOf, isKnown, knownTagsOf, tagOfUnknownPast } from "../wire/conditions.ts";
import { assertWaitIsWhole, longPoll, waitQuery } from "../wire/long-poll.ts";
import { type ReadParts, readerFor, touchSession } from "../wire/parts.ts";
import { pieceBytes } from "../wire/pieces.ts";
import { bytes, conditionalReadHeaders, etagHeader, json, problems, znode } from "../wire/schemas.ts";
import { viewOf, znodeAt } from "../wire/views.ts";
import { exampleZnode } from "../wire/znode-examples.ts";
import { znodePathOf, znodesUrl } from "../wire/znode-path.ts";
import { znodeInPieces } from "../wire/znode-pieces.ts";

const dataUrl = "/v1/data";

const getQuery = Type.Object(
  {
    raw: Type.Boolean({ default: false, "x-hidden": true, description: "Answer with the bytes alone." }),
    ...waitQuery,
    encoding: Type.Optional(
      Type.Literal("base64", { description: "Give the data as dataBase64, text or not." }),
    ),
  },
  { additionalProperties: false },
);

const dataQuery = Type.Object(waitQuery, { additionalProperties: false });

export function readZnodeRoutes(plainApp: FastifyInstance, parts: ReadParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  // The root's own URL behaves as the wildcard does, and is documented by it.
  for (const url of [znodesUrl, `${znodesUrl}/*`]) {
    const schema = { ...getSchema, hide: url === znodesUrl, querystring: getQuery };
    app.get(url, { schema, config: { variesByAccept: true } }, (request, reply) => {
      const { raw, encoding } = request.query;
      const formOf = () => (raw || prefersBytes(request) ? "bytes" : encoding);
      return read(request, reply, { prefix: znodesUrl, parts, formOf });
    });
  }
  for (const url of [dataUrl, `${dataUrl}/*`]) {
    const schema = { ...dataSchema, hide: url === dataUrl, querystring: dataQuery };
    app.get(url, { schema }, (request, reply) =>
      read(request, reply, { prefix: dataUrl, parts, formOf: () => "bytes" }),
    );
  }
}

interface ZnodeRead {
  /** Of the URL, before the path. */
  readonly prefix: string;
  readonly parts: ReadParts;
  /** In what form the znode is answered with; JSON where it says nothing. */
  readonly formOf: () => "bytes" | "base64" | undefined;
}

type ReadRequest = FastifyRequest<{ Querystring: { waitAfterZxid?: number; waitMs?: number } }>;

function read(request: ReadRequest, reply: FastifyReply, { prefix, parts, formOf }: ZnodeRead) {
  const { store, sessions, watches, limits } = parts;
  const path = znodePathOf(request, prefix, limits);
  validatePath(path);
  assertWaitIsWhole(request.query);
  const known = knownTagsOf(request.headers);
  touchSession(request, sessions);
  const send = () => sendZnode(request, reply, { path, parts, known, formOf });
  if (request.query.waitAfterZxid === undefined) return send();
  const watched = { path, scope: "node", types: watchEventTypes } as const;
  return longPoll(request, reply, { watches, store }, watched).then(send);
}

interface ZnodeAsked extends Pick<ZnodeRead, "parts" | "formOf"> {
  readonly path: string;
  readonly known: ReturnType<typeof knownTagsOf>;
}

function sendZnode(request: FastifyRequest, reply: FastifyReply, { path, known, parts, formOf }: ZnodeAsked) {
  const reader = readerFor(request, parts.store);
  const found = znodeAt(reader, path);
  const form = formOf();
  const etag = etagOf(found, reader.epochs, form);
  if (isKnown(etag, known)) return reply.header("etag", etag).code(304).send();
  const foreignTag = tagOfUnknownPast(known, reader);
  if (foreignTag !== undefined) parts.store.unknownPasts.note(foreignTag);
  // To put a large one into words is most of its cost: where there is no room for it that is not begun.
  if (request.method === "GET") parts.answers.assertRoom(request, found.data.byteLength);
  const inPieces = found.data.byteLength > pieceBytes ? znodeInPieces(found, form) : null;
  const pieces = inPieces === null ? null : parts.answers.inPieces(request, inPieces);
  reply.header("etag", etag);
  if (form === "bytes") {
    reply.header("Content-Type", "application/octet-stream").header("X-Content-Type-Options", "nosniff");
  }
  if (pieces === null) return reply.send(form === "bytes" ? Buffer.from(found.data) : viewOf(found, form));
  if (form !== "bytes") reply.type("application/json; charset=utf-8");
  return reply.header("content-length", pieces.producedBytes).send(pieces);
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

const notModified = {
  description: "The znode is still what the If-None-Match header says.",
  type: "null",
  headers: etagHeader,
};

const refusals = ["bad_path", "no_node", "session_expired", "history_trimmed", "throttled"] as const;

const getSchema = {
  operationId: "getZnode",
  summary: "Data and stat of a znode",
  description:
    "The ETag is of the data in this incarnation, in this past of the store: children that come and go move the stat and " +
    "not the ETag. Bytes and base64 have ETags of their own; If-Match takes any of them. With raw=true or Accept: " +
    "application/octet-stream it is the bytes alone, as `GET /v1/data/{path}` gives them.",
  tags: ["znodes"],
  headers: conditionalReadHeaders,
  head: {
    operationId: "existsZnode",
    summary: "Whether a znode exists",
    description: "What getZnode answers with, without the body.",
    names: ["path", "Session-Token", "Acl-Auth", "If-None-Match", "Min-Zxid", "consistency", "stale"],
  },
  response: {
    200: { ...json(znode, "The znode.", exampleZnode), headers: etagHeader },
    304: notModified,
    ...problems(...refusals, "not_acceptable"),
  },
};

const dataSchema = {
  operationId: "getData",
  summary: "The data of a znode, byte for byte",
  description: "Its ETag is that of the bytes: If-Match takes it, as it takes that of getZnode.",
  tags: ["znodes"],
  headers: conditionalReadHeaders,
  response: {
    200: {
      description: "The bytes.",
      content: { "application/octet-stream": { schema: bytes, example: "up" } },
      headers: etagHeader,
    },
    304: notModified,
    ...problems(...refusals),
  },
};
