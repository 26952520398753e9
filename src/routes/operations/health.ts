// /livez and /readyz: whether the process runs, and whether it can serve writes. Probes read the status, people the lines,
// programs the JSON.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Store } from "../../store/store.ts";
import { problems } from "../wire/schemas.ts";
import { type CheckReport, type Health, isReady } from "./health-checks.ts";

const readyQuery = Type.Object(
  { verbose: Type.Optional(Type.String({ description: "List every check, whatever its value." })) },
  { additionalProperties: false },
);

export function healthRoutes(plainApp: FastifyInstance, health: Health, store: Pick<Store, "access">): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get("/livez", { schema: liveSchema, config: { isServedAlways: true } }, async (_request, reply) => {
    reply.type("text/plain");
    return "ok\n";
  });

  const schema = { ...readySchema, querystring: readyQuery };
  const config = { isServedAlways: true, variesByAccept: true };
  app.get("/readyz", { schema, config }, async (request, reply) => {
    // Figures are in the log; where access control is on, whoever reaches the port is not told.
    const checks = health.report().map((check) => shown(check, !store.access.isOn));
    const ready = isReady(checks);
    reply.code(ready ? 200 : 503);
    const asJson = prefersJson(request);
    reply.type(asJson ? "application/json" : "text/plain");
    if (asJson) return JSON.stringify({ ready, checks });
    const isVerbose = request.query.verbose !== undefined || !ready;
    return isVerbose ? checks.map(lineOf).join("") : "ok\n";
  });
}

/** Probes take anything, or say nothing of what they take. */
function prefersJson(request: FastifyRequest): boolean {
  const { accept } = request.headers;
  if (accept?.includes("json") !== true) return false;
  return request.accepts().type(["text/plain", "application/json"]) === "application/json";
}

export function shown({ cause, ...check }: CheckReport, withCauses: boolean): ShownCheck {
  return withCauses && cause !== null ? { ...check, cause } : check;
}

type ShownCheck = Omit<CheckReport, "cause"> & { readonly cause?: string };

function lineOf({ name, status, sentence, cause, sinceMs }: ShownCheck): string {
  const mark = status === "ok" ? "+" : "-";
  const since = new Date(sinceMs).toISOString();
  return `[${mark}] ${name} ${status} since ${since}: ${sentence}${cause === undefined ? "" : ` (${cause})`}\n`;
}

/** Of one check, here and in /v1/stats. */
export const checkSchema = Type.Object(
  {
    name: Type.String({
      description:
        "log, disk, room (to write), replay, etcd (where the log is there), housekeeper, event_loop or serving; there may be " +
        "others one day.",
    }),
    status: Type.Enum(["ok", "failed"]),
    sentence: Type.String({ description: "What that means." }),
    cause: Type.Optional(
      Type.String({ description: "Why, with figures; not told here where access control is on." }),
    ),
    sinceMs: Type.Integer({ description: "Wall time since which it has been so, to a second." }),
  },
  { title: "HealthCheck" },
);

const report = Type.String({ description: "ok, or one line for each check.", examples: ["ok\n"] });

function text(description: string) {
  return { description, content: { "text/plain": { schema: report } } };
}

/** A probe is a request like others where it is malformed; where it is not, its answer is the report. */
const { 401: _unknown, 500: _internal, 503: _stopping, ...refusals } = problems();

const liveSchema = {
  operationId: "checkLiveness",
  summary: "Whether the process runs",
  description: "It looks at nothing: a process that answers at all runs.",
  tags: ["operations"],
  response: { ...refusals, 200: text("It runs.") },
};

const readySchema = {
  operationId: "checkReadiness",
  summary: "Whether writes are served",
  description:
    "With verbose it lists what was looked at, with since when it has been so: the log, the disk and the room on it, the " +
    "replay, the housekeeper, the event loop, and whether the server stops. Whoever asks for it by `Accept: application/json` " +
    "gets JSON, with verbose or without: `ready`, and the `checks` as /v1/stats has them.",
  tags: ["operations"],
  response: {
    ...refusals,
    200: text("Writes are served."),
    503: text("They are not; the lines say why."),
  },
};
