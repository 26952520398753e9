// /v1/znodes: a znode is a resource, its data the body, byte for byte (API section 2). A route reads the request,
// submits a command and says what came of it; whether it may is decided in the core.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { SetData } from "../../core/command.ts";
import { KeeperError } from "../../core/errors.ts";
import { validatePath } from "../../core/tree/path.ts";
import { emptyData } from "../../core/tree/znode.ts";
import type { Written } from "../../core/txn.ts";
import type { BodiesInFlight } from "../http/bodies-in-flight.ts";
import { GrowingBytes } from "../http/growing-bytes.ts";
import { withHint } from "../http/hints.ts";
import type { Rates } from "../http/rates.ts";
import { readBodiesWhole } from "../http/whole-bodies.ts";
import { etagOf, expectation, ifMatchOf, mustBeNew, refuseConditions } from "../wire/conditions.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { linesMediaType } from "../wire/ndjson.ts";
import { createQuery, toCreate } from "../wire/new-znode.ts";
import { type RouteParts, writeContextOf } from "../wire/parts.ts";
import { eventStream, progressMediaTypeOf, sendProgress } from "../wire/progress.ts";
import {
  conditionalWriteHeaders,
  etagHeader,
  json,
  locationHeader,
  postHeaders,
  problems,
  replayedHeader,
  versionQuery,
  writeProblems,
  written,
} from "../wire/schemas.ts";
import { anyTagForm } from "../wire/text-forms.ts";
import { exampleWritten } from "../wire/znode-examples.ts";
import { urlOfZnode, znodePathOf, znodesUrl } from "../wire/znode-path.ts";
import { deleteInParts } from "./delete-run.ts";

const urls = [znodesUrl, `${znodesUrl}/*`];

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
      "x-hidden": true,
      description: "With recursive: leaves first, in many transactions, however large the subtree is.",
    }),
  },
  { additionalProperties: false },
);

/** The body of a write is data, whatever its Content-Type says: curl's default is not JSON either. */
export function acceptAnyBody(app: FastifyInstance, inFlight: BodiesInFlight): void {
  readBodiesWhole(app, inFlight, (_request, bytesMax) => new GrowingBytes(bytesMax));
}

type ZnodeParts = RouteParts & { readonly bodies: BodiesInFlight; readonly rates: Rates };

export function znodeRoutes(app: FastifyInstance, parts: ZnodeParts): void {
  acceptAnyBody(app, parts.bodies);
  for (const url of urls) {
    createRoute(app, url, parts);
    setRoute(app, url, parts);
    deleteRoute(app, url, parts);
  }
}

/** The root's own URL behaves as the wildcard does, and is documented by it. */
function commonOf(url: string) {
  return { tags: ["znodes"], hide: url === znodesUrl };
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

function deleteRoute(plainApp: FastifyInstance, url: string, parts: ZnodeParts): void {
  const { store, sessions, limits, rates } = parts;
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
      if (mediaType !== null) {
        const steps = deleteInParts(store, asked, rates.paceFor(request, reply));
        return await sendProgress(reply, steps, mediaType);
      }
      await store
        .submit({ type: recursive ? "deleteTree" : "delete", ...asked })
        .catch(withHint({ type: "delete", path }));
      return reply.code(204).send();
    },
  );
}

function dataOf(request: FastifyRequest): Uint8Array {
  return (request.body as Uint8Array | undefined | null) ?? emptyData;
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

function partsOfNothing(): KeeperError {
  return new KeeperError("bad_request", "inParts goes with recursive=true: one znode has no parts.");
}

function sendWritten(reply: FastifyReply, { path, stat, created }: Written, { epochs }: RouteParts["store"]) {
  if (created) reply.code(201).header("Location", urlOfZnode(znodesUrl, path));
  return reply.header("etag", etagOf(stat, epochs)).send({ path, stat });
}

const createSchema = {
  operationId: "createZnode",
  summary: "Create a znode; the body is its data",
  description:
    "Location and the answer say under which name; with sequential=true the server puts the number into it.",
  headers: postHeaders,
  response: {
    201: {
      ...json(written, "The znode was created; Location and path say under which name.", exampleWritten),
      headers: { ...locationHeader, ...etagHeader, ...replayedHeader },
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
  description: "Only where the version or the ETag that is expected, if any, is that of the znode.",
  headers: Type.Object({
    ...conditionalWriteHeaders.properties,
    "if-none-match": Type.Optional(
      Type.String({ ...anyTagForm, description: "`*`: the znode must not exist yet." }),
    ),
  }),
  response: {
    200: { ...json(written, "The data was replaced.", exampleWritten), headers: etagHeader },
    201: {
      ...json(written, "There was no znode, and upsert or If-None-Match: * asked for one.", exampleWritten),
      headers: { ...locationHeader, ...etagHeader },
    },
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

const deleteSchema = {
  operationId: "deleteZnode",
  summary: "Delete a znode, or a whole subtree",
  description:
    "With recursive=true the subtree goes in one transaction, which is refused with `too_many_changes` or `too_large` when " +
    "the subtree is larger than one transaction may be: `DELETE /v1/tree/{path}` takes it in many. With inParts=true " +
    `beside recursive=true this does the same, and asked for ${linesMediaType} or ${eventStream} says how far it is.`,
  headers: conditionalWriteHeaders,
  response: {
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
