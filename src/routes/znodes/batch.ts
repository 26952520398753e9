// POST /v1/batch: many independent reads and writes in one request, each with a status of its own (API section 4,
// R1-R3). The writes go to the log together; the reads look when the last of them is done, and so see one tree.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import type { SingleWrite } from "../../core/command.ts";
import { validateOperationCount, validatePathLength } from "../../core/command-syntax.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Limits } from "../../core/limits.ts";
import type { Reader } from "../../core/reader.ts";
import { validateName, validatePath } from "../../core/tree/path.ts";
import { statOf } from "../../core/tree/stat.ts";
import type { Commit } from "../../core/txn.ts";
import type { WriteContext } from "../../core/write-context.ts";
import { tellAudit } from "../http/audit.ts";
import { hinted } from "../http/hints.ts";
import type { HttpLimits } from "../http/http-limits.ts";
import { problemOf } from "../http/problems.ts";
import { shownBy } from "../wire/acl-identities.ts";
import { renewCaller } from "../wire/callers.ts";
import { refuseConditions } from "../wire/conditions.ts";
import { nextMember } from "../wire/cursors.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import {
  closed,
  flag,
  operationReader,
  operationsBody,
  path,
  toOperation,
  writeShapes,
} from "../wire/operations.ts";
import { type RouteParts, readerFor } from "../wire/parts.ts";
import { json, postHeaders, problems, replayedHeader, stat, znode } from "../wire/schemas.ts";
import { pageMembers, pageOf, viewOf, znodeAt } from "../wire/views.ts";

const { create, set, delete: remove } = writeShapes;

/** Those of a transaction, with what a request for one znode can say besides. */
const batchWriteShapes = {
  ...writeShapes,
  create: Type.Object(
    { ...create.properties, parents: flag("Make missing parents, in the same transaction.") },
    { ...closed, title: "BatchCreate" },
  ),
  set: Type.Object(
    { ...set.properties, upsert: flag("Create the znode when it does not exist.") },
    { ...closed, title: "BatchSet" },
  ),
  delete: Type.Object(
    { ...remove.properties, recursive: flag("Take the whole subtree, in one transaction.") },
    { ...closed, title: "BatchDelete" },
  ),
};

const readShapes = {
  get: Type.Object(
    {
      op: Type.Literal("get"),
      path,
      encoding: Type.Optional(
        Type.Literal("base64", { description: "Give the data as dataBase64, text or not." }),
      ),
    },
    { ...closed, title: "BatchGet" },
  ),
  exists: Type.Object({ op: Type.Literal("exists"), path }, { ...closed, title: "BatchExists" }),
  children: Type.Object(
    { op: Type.Literal("children"), path, ...pageMembers },
    { ...closed, title: "BatchChildren" },
  ),
};

const shapes = { ...batchWriteShapes, ...readShapes };

type WireWrite = Static<(typeof batchWriteShapes)[keyof typeof batchWriteShapes]>;
type WireRead = Static<(typeof readShapes)[keyof typeof readShapes]>;

const readOperation = operationReader(shapes);
const { envelope, documented } = operationsBody(shapes, {
  names: { body: "BatchRequest", operation: "BatchAction" },
  example: { op: "get", path: "/config" },
});

/** What an entry says of its operation, as far as it could be read. */
interface Asked {
  readonly op?: string;
  readonly path?: string;
}

/** One operation, ready to be done. */
interface WriteStep {
  readonly kind: "write";
  readonly asked: Asked;
  readonly write: SingleWrite;
}

type Step =
  | WriteStep
  | { readonly kind: "read"; readonly asked: Asked; readonly read: WireRead }
  | { readonly kind: "refused"; readonly asked: Asked; readonly error: unknown };

type WriteAnswer = PromiseSettledResult<Commit<SingleWrite["type"]>>;

export function batchRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  app.post(
    "/v1/batch",
    {
      schema: { ...batchSchema, body: envelope },
      bodyLimit: limits.transactionBytesMax,
      config: { bodyLimitName: "transactionBytesMax", documentedBody: documented, answersAtLength: true },
    },
    async (request, reply) => {
      const { operations } = request.body;
      validateOperationCount(operations.length, limits);
      refuseConditions(request.headers, ["if-match", "if-none-match"], conditionHint);
      const contextOf = keyedContextsOf(request, parts);
      const { digests } = shownBy(request);
      const steps = operations.map((wire) => stepOf(wire, digests, limits));
      const writes = writesOf(steps, contextOf);
      const answers = await store.submitAll(writes);
      tellAudit(request, () => ({ refused: refusedIn(steps, answers) }));
      if (answers.length > 0 && answers.every(isReplayed)) noteReplay(reply, { replayed: true });
      // What others have written meanwhile may be that this caller reads less.
      if (writes.length < steps.length) renewCaller(request, store);
      // No await from here on: every read is as of this zxid (R3).
      const results = resultsOf(steps, answers, new BoundedReads(readerFor(request, store), limits));
      return sendJson(reply, `{"zxid":${store.zxid},"results":[${results.join(",")}]}`);
    },
  );
}

/** The entries were measured as text, and text they stay. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header("Content-Type", "application/json; charset=utf-8").send(text);
}

const conditionHint = "Put the condition of an operation into it: version, or a check.";

function stepOf(wire: unknown, digests: readonly string[], limits: Limits): Step {
  const asked = askedIn(wire);
  try {
    const operation = readOperation(wire);
    if (operation.op === "get" || operation.op === "exists" || operation.op === "children") {
      validateRead(operation, limits);
      return { kind: "read", asked, read: operation };
    }
    return { kind: "write", asked, write: toWrite(operation, digests) };
  } catch (error) {
    return { kind: "refused", asked, error };
  }
}

function askedIn(wire: unknown): Asked {
  const { op, path: at } = (wire ?? {}) as { op?: unknown; path?: unknown };
  return { ...(typeof op === "string" && { op }), ...(typeof at === "string" && { path: at }) };
}

function validateRead(read: WireRead, limits: Limits): void {
  validatePathLength(read.path, limits);
  validatePath(read.path);
  if (read.op === "children" && read.after !== undefined) validateName(read.after);
}

function toWrite(wire: WireWrite, digests: readonly string[]): SingleWrite {
  const operation = toOperation(wire, digests);
  const isRecursive = wire.op === "delete" && wire.recursive === true;
  return operation.type === "delete" && isRecursive ? { ...operation, type: "deleteTree" } : operation;
}

/**
 * The commands, each with what holds for it: the session and the fences of the request are those of every write. With
 * an Idempotency-Key each has a key of its own, so that a batch sent again does what was left undone and no more.
 */
function writesOf(steps: readonly Step[], contextOf: (index: number) => WriteContext): SingleWrite[] {
  return steps.flatMap((step, index) =>
    step.kind === "write" ? [{ ...step.write, ...contextOf(index) }] : [],
  );
}

function isReplayed(answer: WriteAnswer): boolean {
  return answer.status === "fulfilled" && answer.value.replayed === true;
}

function refusedIn(steps: readonly Step[], answers: readonly WriteAnswer[]): number {
  const beforehand = steps.filter(({ kind }) => kind === "refused");
  return beforehand.length + answers.filter(({ status }) => status === "rejected").length;
}

/** The entries as JSON, in the order of the operations. */
function resultsOf(steps: readonly Step[], answers: readonly WriteAnswer[], reads: BoundedReads): string[] {
  const writeAnswers = answers.values();
  return steps.map((step) => {
    if (step.kind === "read") return reads.answer(step.asked, step.read);
    if (step.kind === "refused") return JSON.stringify(refusedEntry(step.asked, step.error));
    return JSON.stringify(writtenEntry(step, writeAnswers.next().value as WriteAnswer));
  });
}

/** Status and body of the endpoint for one such write, and the zxid of its transaction. */
function writtenEntry({ asked, write }: WriteStep, answer: WriteAnswer): object {
  if (answer.status === "rejected") return refusedEntry(asked, hinted(answer.reason, write));
  const { zxid, outcome } = answer.value;
  if ("created" in outcome) {
    const { created, ...written } = outcome;
    return { status: created ? 201 : 200, ...asked, zxid, ...written };
  }
  return "op" in outcome ? { status: 200, ...asked, zxid, ...outcome } : { status: 204, ...asked, zxid };
}

/** The problem document of the refusal; where it has a path, that is what the refusal is about. */
function refusedEntry(asked: Asked, error: unknown): object {
  if (!(error instanceof KeeperError)) throw error;
  const { status, ...problem } = problemOf(error);
  return { status, ...asked, ...problem };
}

/** Answers reads until together they have so many bytes; the first that does not fit ends it, so work is bounded too. */
class BoundedReads {
  readonly #reader: Reader;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(reader: Reader, { batchReadBytesMax }: HttpLimits) {
    this.#reader = reader;
    this.#bytesMax = batchReadBytesMax;
  }

  /** The read's entry as JSON. */
  answer(asked: Asked, read: WireRead): string {
    if (this.#bytes <= this.#bytesMax) {
      const entry = JSON.stringify(this.#entry(asked, read));
      this.#bytes += Buffer.byteLength(entry);
      if (this.#bytes <= this.#bytesMax) return entry;
    }
    return JSON.stringify(refusedEntry(asked, this.#tooLarge()));
  }

  #entry(asked: Asked, read: WireRead): object {
    try {
      return { status: 200, ...asked, ...bodyOf(read, this.#reader) };
    } catch (error) {
      return refusedEntry(asked, error);
    }
  }

  #tooLarge(): KeeperError {
    return new KeeperError(
      "too_large",
      `The reads of a batch answer with at most ${this.#bytesMax} bytes; ask again from this one on, or for less.`,
      { limit: "batchReadBytesMax", limitValue: this.#bytesMax, size: this.#bytes },
    );
  }
}

function bodyOf(read: WireRead, reader: Reader): object {
  switch (read.op) {
    case "get":
      return viewOf(znodeAt(reader, read.path), read.encoding);
    case "exists":
      return { stat: statOf(znodeAt(reader, read.path)) };
    case "children":
      return pageOf(reader, read.path, read).view;
  }
}

const batchEntry = Type.Object(
  {
    status: Type.Integer({ description: "What the endpoint for one such operation would answer with." }),
    op: Type.Optional(Type.String({ description: "What was asked for, as far as it could be read." })),
    path: Type.Optional(
      Type.String({
        description:
          "The znode: as asked for, or with its number, or in a refusal the one that is in the way.",
      }),
    ),
    zxid: Type.Optional(Type.Integer({ description: "The write's own transaction." })),
    stat: Type.Optional(stat),
    data: Type.Optional(Type.String({ description: "The data, where it is UTF-8 text." })),
    dataBase64: Type.Optional(Type.String({ description: "The data, where it is not." })),
    value: Type.Optional(Type.String({ description: "What an increment left, as decimal text." })),
    children: Type.Optional(Type.Array(Type.String(), { description: "Names in code-unit order." })),
    znodes: Type.Optional(
      Type.Array(znode, { description: "The same children, where include asks for more." }),
    ),
    next: nextMember,
    code: Type.Optional(Type.String({ description: "Why it was refused; then all of a problem is there." })),
    title: Type.Optional(Type.String({ description: "What the code means." })),
    type: Type.Optional(Type.String({ description: "The code as a URN." })),
    detail: Type.Optional(Type.String({ description: "One sentence that says what to do." })),
    limit: Type.Optional(Type.String({ description: "The limit that was passed." })),
    limitValue: Type.Optional(Type.Integer({ description: "What the limit is." })),
    size: Type.Optional(Type.Integer({ description: "What was asked for." })),
    retryAfterSeconds: Type.Optional(Type.Integer({ description: "When a retry makes sense." })),
  },
  { title: "BatchEntry", description: "Status and body as the endpoint for one such operation has them." },
);

const batchResults = Type.Object(
  {
    zxid: Type.Integer({
      description: "Every read is as of this transaction; none of the writes came later.",
    }),
    results: Type.Array(batchEntry, { description: "One entry for each operation, in order." }),
  },
  { title: "BatchResults" },
);

const exampleResults = {
  zxid: 1042,
  results: [
    { status: 204, op: "delete", path: "/old", zxid: 1042 },
    {
      ...{ status: 404, op: "get", path: "/old", type: "urn:treekeeper:problem:no_node" },
      ...{ title: "The znode does not exist", detail: "/old does not exist.", code: "no_node" },
    },
  ],
};

const batchSchema = {
  operationId: "runBatch",
  summary: "Many operations, each by itself",
  description:
    "The writes are done in their order, each in a transaction of its own that the others do not depend on; they share " +
    "the way to the disk, which makes this the fast road for bulk work. The reads are answered when all writes are done, " +
    "all as of one zxid. Session-Token and Fence hold for every write. The request as a whole is refused only when it " +
    "cannot be read, has too many operations, or acts for a session that is gone.",
  tags: ["transactions"],
  headers: postHeaders,
  response: {
    200: {
      ...json(batchResults, "Every operation has its entry, even if all were refused.", exampleResults),
      headers: replayedHeader,
    },
    ...problems("bad_path", "session_expired", "too_large", "too_many_operations", "throttled"),
  },
};
