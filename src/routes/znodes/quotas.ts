// /v1/quotas: limits on subtrees, what they are and how much of them is used. Which writes they refuse is decided in
// the core, where those writes happen.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { noQuota } from "../../core/quotas/plan-quota.ts";
import { exceededLimits, type Quota } from "../../core/quotas/quota.ts";
import type { Reader } from "../../core/reader.ts";
import { validatePath } from "../../core/tree/path.ts";
import { afterPath, nextMember } from "../wire/cursors.ts";
import { jsonBytes, PageSize } from "../wire/page-size.ts";
import { keptReaderFor, type RouteParts, touchSession, writeContextOf } from "../wire/parts.ts";
import {
  json,
  locationHeader,
  pageLimit,
  problems,
  readHeaders,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";
import { urlOfZnode, znodePathOf } from "../wire/znode-path.ts";

const quotasUrl = "/v1/quotas";

const limit = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }));

const limits = {
  countSoft: limit("Znodes, the subtree's own root included. More are allowed, and show in `exceeded`."),
  countHard: limit("Znodes, the subtree's own root included. What would make more is refused."),
  bytesSoft: limit("Bytes of data in all of them. More are allowed, and show in `exceeded`."),
  bytesHard: limit("Bytes of data in all of them. What would make more is refused."),
};

const exampleLimits = { countSoft: 800, countHard: 1000, bytesHard: 1_048_576 };

const limitsBody = Type.Object(limits, {
  title: "QuotaLimits",
  "x-bounds": { minProperties: 1 },
  additionalProperties: false,
  description: "At least one limit; those that are absent are none.",
  examples: [exampleLimits],
});

const quotaAnswer = Type.Object(
  {
    path: Type.String({ description: "The subtree's root." }),
    count: Type.Integer({ description: "Znodes in the subtree now, its own root included." }),
    bytes: Type.Integer({ description: "Bytes of data in all of them." }),
    ...limits,
    exceeded: Type.Array(Type.String(), {
      description:
        "Names of the limits the usage is above. A hard one may be, if it was set below the usage.",
    }),
  },
  { title: "Quota" },
);

const noQuery = Type.Object({}, { additionalProperties: false });

const listQuery = Type.Object(
  {
    limit: pageLimit("Quotas in one page."),
    after: afterPath(),
  },
  { additionalProperties: false },
);

export function quotaRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, sessions, limits: bounds } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const url = `${quotasUrl}/*`;

  app.put(
    url,
    { schema: { ...setSchema, querystring: noQuery, body: limitsBody } },
    async (request, reply) => {
      const path = znodePathOf(request, quotasUrl, bounds);
      validatePath(path);
      const commit = await store.submit({
        type: "setQuota",
        path,
        limits: request.body,
        ...writeContextOf(request, sessions),
      });
      const { quota, created } = commit.outcome;
      if (created) reply.code(201).header("Location", urlOfZnode(quotasUrl, path));
      return viewOf(quota);
    },
  );

  app.get(url, { schema: { ...getSchema, querystring: noQuery } }, async (request) => {
    const path = znodePathOf(request, quotasUrl, bounds);
    validatePath(path);
    touchSession(request, sessions);
    const reader = keptReaderFor(request, store);
    const quota = reader.quota(path);
    if (quota === undefined) throw noQuota(reader, path);
    return viewOf(quota);
  });

  app.get(quotasUrl, { schema: { ...listSchema, querystring: listQuery } }, async (request) => {
    if (request.query.after !== undefined) validatePath(request.query.after);
    touchSession(request, sessions);
    return pageOf(keptReaderFor(request, store), request.query);
  });

  app.delete(url, { schema: { ...deleteSchema, querystring: noQuery } }, async (request, reply) => {
    const path = znodePathOf(request, quotasUrl, bounds);
    validatePath(path);
    await store.submit({ type: "deleteQuota", path, ...writeContextOf(request, sessions) });
    return reply.code(204).send();
  });
}

function viewOf(quota: Quota): Static<typeof quotaAnswer> {
  const { path, count, bytes, limits: given } = quota;
  return { path, count, bytes, ...given, exceeded: exceededLimits(quota) };
}

function pageOf(reader: Reader, { limit: length, after = "" }: Static<typeof listQuery>) {
  const page: Static<typeof quotaAnswer>[] = [];
  const size = new PageSize();
  for (const quota of reader.quotasFrom(after)) {
    if (quota.path === after) continue;
    const view = viewOf(quota);
    const isFull = page.length === length || !size.takes(jsonBytes(view));
    if (isFull) return { quotas: page, next: page.at(-1)?.path as string };
    page.push(view);
  }
  return { quotas: page };
}

const tags = ["quotas"];
const exampleQuota = {
  path: "/services",
  count: 812,
  bytes: 40_960,
  ...exampleLimits,
  exceeded: ["countSoft"],
};

const setSchema = {
  operationId: "setQuota",
  summary: "Limit a subtree, or limit it otherwise",
  description:
    "Replaces all limits the subtree had. They may be below what it holds: then they stop growth. Quotas do not nest: a " +
    "znode above or below that has one gets `quota_nested`. A quota goes with its znode, in the same transaction.",
  tags,
  headers: writeHeaders,
  response: {
    200: json(quotaAnswer, "The quota has these limits instead of those it had.", exampleQuota),
    201: {
      ...json(quotaAnswer, "There was no quota, and now there is.", exampleQuota),
      headers: locationHeader,
    },
    ...problems(...writeProblems, "reserved_path", "no_node", "quota_nested", "too_large"),
  },
};

const getSchema = {
  operationId: "getQuota",
  summary: "Limits and usage of a subtree",
  description:
    "Of the quota set on this very znode; where it has none, the refusal says which one governs it.",
  tags,
  headers: readHeaders,
  response: {
    200: json(quotaAnswer, "The quota, with its usage.", exampleQuota),
    ...problems("bad_path", "reserved_path", "no_node", "session_expired"),
  },
};

const listSchema = {
  operationId: "listQuotas",
  summary: "All quotas with their usage, in pages",
  description: "A page is one consistent picture; `next` is the cursor of the next page.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          quotas: Type.Array(quotaAnswer),
          next: nextMember,
        },
        { title: "QuotaPage" },
      ),
      "A page of quotas, in code-unit order of their paths.",
      { quotas: [exampleQuota] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const deleteSchema = {
  operationId: "deleteQuota",
  summary: "Delete a quota; the subtree stays as it is",
  description: "What the subtree holds is no concern of it.",
  tags,
  headers: writeHeaders,
  response: {
    204: { description: "The subtree has no limits any more.", type: "null" },
    ...problems(...writeProblems, "reserved_path", "no_node"),
  },
};
