// POST /v1/import: a tree that was exported elsewhere, as lines of JSON (API section 2). The body is read as fast as
// it can be written and never held; how far it is can be followed while it runs.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { KeeperError } from "../../core/errors.ts";
import { tellAudit } from "../http/audit.ts";
import type { BodiesInFlight } from "../http/bodies-in-flight.ts";
import { sendProblemAndClose } from "../http/problems.ts";
import type { Rates } from "../http/rates.ts";
import { closeBehind, runOut } from "../http/refused-body.ts";
import { linesOf } from "../wire/body-lines.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { linesMediaType } from "../wire/ndjson.ts";
import { type RouteParts, readerFor } from "../wire/parts.ts";
import { eventStream, progressMediaTypeOf, tellProgress } from "../wire/progress.ts";
import {
  bytes,
  importCounts,
  json,
  postHeaders,
  problems,
  replayedHeader,
  writeProblems,
} from "../wire/schemas.ts";
import { eventStream as eventsAnswer, streamProblem } from "../wire/stream-schemas.ts";
import { ImportRun } from "./import-run.ts";

const importQuery = Type.Object(
  {
    onConflict: Type.Union([Type.Literal("fail"), Type.Literal("skip"), Type.Literal("replace")], {
      default: "fail",
      description: "What to do where a znode exists already: stop, leave it, or set its data.",
    }),
    dryRun: Type.Boolean({ default: false, description: "Change nothing; say what would be done." }),
  },
  { additionalProperties: false },
);

const progressMembers = {
  lines: Type.Integer({ description: "Lines read." }),
  ...importCounts.properties,
  ephemerals: Type.Integer({
    description:
      "Lines left out: their znodes live with sessions elsewhere, as ephemerals and whatever stands in a barrier do.",
  }),
  zxid: Type.Integer({ description: "The last transaction of the import." }),
};

const importProgress = Type.Object(progressMembers, { title: "ImportProgress" });

const importedTree = Type.Object(
  { dryRun: Type.Boolean({ description: "Whether nothing was changed." }), ...progressMembers },
  { title: "ImportedTree" },
);

const exampleAnswer = {
  dryRun: false,
  lines: 3,
  created: 2,
  replaced: 0,
  unchanged: 0,
  skipped: 0,
  ephemerals: 1,
  zxid: 1042,
};

type ImportParts = RouteParts & { readonly bodies: BodiesInFlight; readonly rates: Rates };

/** The scope's bodies are streams: they may be longer than memory. */
export function importRoutes(plainApp: FastifyInstance, parts: ImportParts): void {
  plainApp.removeAllContentTypeParsers();
  plainApp.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  const config = { hasLongBodies: true, documentedBody: linesBody };
  app.post(
    "/v1/import",
    { schema: { ...importSchema, querystring: importQuery }, config },
    (request, reply) => bringIn(request, reply, parts, progressMediaTypeOf(request)),
  );
  app.post(
    "/v1/import-with-progress",
    { schema: { ...progressSchema, querystring: importQuery }, config },
    (request, reply) => bringIn(request, reply, parts, eventStream),
  );
}

async function bringIn(
  request: FastifyRequest<{ Querystring: Static<typeof importQuery> }>,
  reply: FastifyReply,
  parts: ImportParts,
  mediaType: string,
) {
  const { store, limits, bodies, rates } = parts;
  const { onConflict, dryRun } = request.query;
  const run = new ImportRun(store, {
    onConflict,
    dryRun,
    kept: readerFor(request, store),
    contextOf: keyedContextsOf(request, parts),
    pace: rates.paceFor(request, reply),
  });
  const steps = run.of(linesOf(request.raw, { clock: store.clock, bodies, limits }));
  tellAudit(request, () => ({ path: run.root }));
  const note = () => {
    if (run.isReplayed) noteReplay(reply, { replayed: true });
  };
  try {
    if (mediaType === "application/json") {
      for await (const _ of steps);
      note();
      return { dryRun, ...run.progress };
    }
    return await tellProgress(reply, steps, {
      mediaType,
      summaryOf: (last) => ({ dryRun, ...last }),
      begun: () => {
        closeBehind(request, reply);
        note();
      },
      refused: () => runOut(request),
    });
  } catch (error) {
    if (error instanceof KeeperError) return sendProblemAndClose(request, reply, error);
    throw error;
  }
}

const exampleLines = '{"path":"/services","data":""}\n{"path":"/services/web","data":"up"}\n';

const linesBody = Type.Optional(
  Type.Unsafe({
    description: "Lines of JSON, as `GET /v1/export/{path}` gives them, whatever the Content-Type.",
    content: { "application/octet-stream": { schema: { ...bytes, examples: [exampleLines] } } },
  }),
);

const importDescription =
  "The body is what `GET /v1/export/{path}` gives: one znode a line, parents before children. Missing " +
  "parents of the first are made. Znodes get zxids, times and versions of their own here; names, data, kinds, access control " +
  "lists that are in the lines, and where numbering goes on come along; ephemerals and what stands in barriers do not, and nothing becomes a claim on a lock or " +
  "a candidate by being brought below it. It is done in parts of several hundred znodes, each a transaction: " +
  "what was done before a refusal stays, and the refusal names the `line`; sending it again with onConflict=skip goes " +
  "on. A line has to come within requestTimeoutMs and has at most transactionBytesMax bytes; the whole may take as long " +
  "as it takes.";

const refusals = [
  ...writeProblems,
  "bad_mode",
  "bad_ttl",
  "bad_acl",
  "quota_exceeded",
  "node_exists",
  "ephemeral_parent",
  "too_many_changes",
  "idempotency_key_reused",
] as const;

const importSchema = {
  operationId: "importTree",
  summary: "Bring in a tree that was exported elsewhere",
  description:
    `${importDescription} Asked for ${linesMediaType} or ${eventStream} it says how far it is, as ` +
    "`POST /v1/import-with-progress` does.",
  tags: ["znodes"],
  headers: postHeaders,
  response: {
    200: { ...json(importedTree, "All of it was brought in.", exampleAnswer), headers: replayedHeader },
    ...problems(...refusals, "not_acceptable"),
  },
};

const { dryRun: _, ...exampleProgress } = exampleAnswer;
const exampleEvents = [
  `event: progress\ndata: ${JSON.stringify(exampleProgress)}\n\n`,
  `event: done\ndata: ${JSON.stringify(exampleAnswer)}\n\n`,
].join("");

const progressSchema = {
  operationId: "importTreeWithProgress",
  summary: "The same, telling how far it is, as Server-Sent Events",
  description:
    `${importDescription} \`progress\` says how far it is; \`done\` ends it or, where the first part was done, ` +
    "`failed` with the problem.",
  tags: ["znodes"],
  headers: postHeaders,
  response: {
    200: {
      ...eventsAnswer(exampleEvents, {
        progress: importProgress,
        done: importedTree,
        failed: streamProblem,
      }),
      headers: replayedHeader,
    },
    ...problems(...refusals),
  },
};
