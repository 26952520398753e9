// DELETE /v1/tree/{path}: a subtree of any size, leaves first in many transactions. It is what DELETE /v1/znodes/{path} does
// with recursive=true and inParts=true, for clients that want one shape of answer.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { validatePath } from "../../core/tree/path.ts";
import type { Rates } from "../http/rates.ts";
import { expectation, ifMatchOf, refuseConditions } from "../wire/conditions.ts";
import { type RouteParts, writeContextOf } from "../wire/parts.ts";
import { eventStream, sendProgress } from "../wire/progress.ts";
import { conditionalWriteHeaders, json, problems, versionQuery, writeProblems } from "../wire/schemas.ts";
import { eventStream as eventsAnswer, streamProblem } from "../wire/stream-schemas.ts";
import { examplePath } from "../wire/znode-examples.ts";
import { znodePathOf } from "../wire/znode-path.ts";
import { deleteInParts } from "./delete-run.ts";

const treeUrl = "/v1/tree";
const progressUrl = "/v1/tree-with-progress";

const deleteQuery = Type.Object({ version: versionQuery }, { additionalProperties: false });

type DeleteTreeParts = RouteParts & { readonly rates: Rates };

export function deleteTreeRoutes(plainApp: FastifyInstance, parts: DeleteTreeParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  for (const url of [treeUrl, `${treeUrl}/*`]) {
    const schema = { ...deleteSchema, hide: url === treeUrl, querystring: deleteQuery };
    app.delete(url, { schema }, async (request, reply) => {
      const steps = stepsOf(request, reply, { prefix: treeUrl, parts });
      return await sendProgress(reply, steps, "application/json");
    });
  }
  for (const url of [progressUrl, `${progressUrl}/*`]) {
    const schema = { ...progressSchema, hide: url === progressUrl, querystring: deleteQuery };
    app.delete(url, { schema }, async (request, reply) => {
      const steps = stepsOf(request, reply, { prefix: progressUrl, parts });
      return await sendProgress(reply, steps, eventStream);
    });
  }
}

function stepsOf(
  request: FastifyRequest<{ Querystring: { version?: number } }>,
  reply: FastifyReply,
  { prefix, parts }: { readonly prefix: string; readonly parts: DeleteTreeParts },
) {
  const { store, sessions, limits, rates } = parts;
  const path = znodePathOf(request, prefix, limits);
  validatePath(path);
  refuseConditions(request.headers, ["if-none-match"], "Use If-Match for the condition of a delete.");
  const asked = {
    path,
    ...expectation(request.query.version, ifMatchOf(request.headers)),
    ...writeContextOf(request, sessions),
  };
  return deleteInParts(store, asked, rates.paceFor(request, reply));
}

const deletedTree = Type.Object(
  {
    path: Type.String({ description: "The subtree's root." }),
    deleted: Type.Integer({ description: "Znodes this request has deleted." }),
    remaining: Type.Integer({ description: "Znodes of the subtree that are left; 0 at the end." }),
    zxid: Type.Integer({ description: "The last transaction of the delete." }),
  },
  { title: "DeletedTree", description: "How far a delete in parts is, or was." },
);

const exampleDeleted = { path: examplePath, deleted: 30_000, remaining: 0, zxid: 1071 };

const inParts =
  "It goes leaves first in many transactions, and others are served meanwhile; the root's version is looked at in each. What " +
  "is gone stays gone when a later part is refused (the refusal says how many were `deleted`) or when the client leaves, " +
  "which stops it; sent again it goes on, and `no_node` then says that nothing is left.";

const refusals = problems(...writeProblems, "reserved_path", "no_node", "not_empty", "bad_version");

const deleteSchema = {
  operationId: "deleteTree",
  summary: "Delete a whole subtree, however large it is",
  description: inParts,
  tags: ["znodes"],
  headers: conditionalWriteHeaders,
  response: { 200: json(deletedTree, "It is gone.", exampleDeleted), ...refusals },
};

const progressSchema = {
  operationId: "deleteTreeWithProgress",
  summary: "The same, telling how far it is, as Server-Sent Events",
  description:
    `${inParts} \`progress\` says how far it is; \`done\` ends it or, when something was done by then, \`failed\` with ` +
    "the problem.",
  tags: ["znodes"],
  headers: conditionalWriteHeaders,
  response: {
    200: eventsAnswer(`event: done\ndata: ${JSON.stringify(exampleDeleted)}\n\n`, {
      progress: deletedTree,
      done: deletedTree,
      failed: streamProblem,
    }),
    ...refusals,
  },
};
