// /v1/counters: numbers that many add to (API section 6). A counter is the decimal text of its znode under /counters;
// whoever wants to set or delete one does so to the znode.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { counterPath } from "../../core/coordination/counters.ts";
import { countersPath } from "../../core/coordination/parts.ts";
import { counterIn } from "../../core/coordination/plan-counters.ts";
import { KeeperError } from "../../core/errors.ts";
import { decimalIn } from "../../core/tree/decimal.ts";
import { nameParameter } from "../wire/coordination-schemas.ts";
import { nextMember } from "../wire/cursors.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { namesQuery, pageOfNames } from "../wire/name-pages.ts";
import { keptReaderFor, type RouteParts, touchSession } from "../wire/parts.ts";
import { json, postHeaders, problems, readHeaders, replayedHeader, writeProblems } from "../wire/schemas.ts";

export function counterRoutes(plainApp: FastifyInstance, parts: RouteParts): void {
  const { store, sessions } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    "/v1/counters/:name",
    { schema: { ...addSchema, body: Type.Optional(addBody) } },
    async (request, reply) => {
      const { name } = request.params;
      const { by = 1 } = request.body ?? {};
      validateResourceName(name);
      const context = keyedContextsOf(request, parts)();
      const commit = await store.submit({ type: "addToCounter", name, by, ...context });
      noteReplay(reply, commit);
      const { path, value, previous } = commit.outcome;
      return { name, path, value, previous, zxid: commit.zxid };
    },
  );

  app.get(
    "/v1/counters",
    { schema: { ...listSchema, querystring: namesQuery("Counters") } },
    async (request) => {
      touchSession(request, sessions);
      const { views, ...next } = pageOfNames(
        keptReaderFor(request, store),
        countersPath,
        request.query,
        (name, { data, mzxid }) => ({
          ...{ name, value: decimalIn(data), zxid: mzxid },
        }),
      );
      return { counters: views, ...next };
    },
  );

  app.get("/v1/counters/:name", { schema: getSchema }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, sessions);
    const path = counterPath(name);
    const znode = keptReaderFor(request, store).get(path);
    if (znode === undefined) throw noCounter(path);
    return { name, path, value: counterIn(znode), zxid: znode.mzxid };
  });
}

function noCounter(path: string): KeeperError {
  return new KeeperError("no_node", `${path} does not exist; the first POST makes the counter.`, { path });
}

const safeInteger = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

const addBody = Type.Object(
  {
    by: Type.Optional(
      Type.Integer({ ...safeInteger, description: "What is added (1); it may be negative, or 0." }),
    ),
  },
  { title: "CounterRequest", additionalProperties: false, examples: [{ by: 5 }] },
);

const counterMembers = {
  name: Type.String(),
  path: Type.String({ description: "Its znode, which holds the value as decimal text." }),
  value: Type.Integer({ ...safeInteger, description: "What it is." }),
};

const example = { name: "visits", path: "/counters/visits", value: 42 };
const tags = ["counters"];

const addSchema = {
  operationId: "addToCounter",
  summary: "Add to a counter",
  description:
    "Makes the counter, from 0, when there is none. With an `Idempotency-Key` it is added once, however often the " +
    "request is sent. What would leave the whole numbers within 2^53-1 is refused with `bad_request`, and a znode that " +
    "holds other text with `not_a_counter`. To set a counter, `PUT /v1/znodes/counters/{name}`.",
  tags,
  params: nameParameter,
  headers: postHeaders,
  response: {
    200: {
      ...json(
        Type.Object(
          {
            ...counterMembers,
            previous: Type.Integer({ ...safeInteger, description: "What it was." }),
            zxid: Type.Integer({ description: "The transaction that has added it." }),
          },
          { title: "ChangedCounter" },
        ),
        "It was added.",
        { ...example, previous: 37, zxid: 1042 },
      ),
      headers: replayedHeader,
    },
    ...problems(
      ...writeProblems,
      "not_a_counter",
      "ephemeral_parent",
      "quota_exceeded",
      "idempotency_key_reused",
    ),
  },
};

const listSchema = {
  operationId: "listCounters",
  summary: "The counters there are",
  description: "Each znode under /counters is one.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          counters: Type.Array(
            Type.Object(
              {
                name: Type.String(),
                value: Type.Union([Type.Integer(safeInteger), Type.Null()], {
                  description: "What it is; null where the znode holds no whole number.",
                }),
                zxid: Type.Integer({ description: "The transaction that last set it." }),
              },
              { title: "CounterSummary" },
            ),
          ),
          next: nextMember,
        },
        { title: "CounterPage" },
      ),
      "A page of counters, in order of their names.",
      { counters: [{ name: "visits", value: 42, zxid: 1042 }] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const getSchema = {
  operationId: "getCounter",
  summary: "What a counter is",
  description: "To add 0 is another way to ask, and makes the counter where there is none.",
  tags,
  params: nameParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        { ...counterMembers, zxid: Type.Integer({ description: "The transaction that last set it." }) },
        { title: "Counter" },
      ),
      "The counter.",
      { ...example, zxid: 1042 },
    ),
    ...problems("bad_path", "no_node", "not_a_counter", "session_expired"),
  },
};
