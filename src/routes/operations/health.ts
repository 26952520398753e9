// /livez and /readyz: whether the process runs, and whether it can serve writes.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { Store } from "../../store/store.ts";
import { problems } from "../wire/schemas.ts";

export interface HealthParts {
  readonly store: Store;
  readonly isStopping: () => boolean;
  readonly limits: HealthLimits;
}

export interface HealthLimits {
  /** How long a write may wait for the log before the service is not ready. */
  readonly appendMsMax: number;
}

const readyQuery = Type.Object(
  { verbose: Type.Optional(Type.String({ description: "List every check, whatever its value." })) },
  { additionalProperties: false },
);

const report = Type.String({ description: "ok, or one line for each check.", examples: ["ok\n"] });

export function healthRoutes(plainApp: FastifyInstance, parts: HealthParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get("/livez", { schema: liveSchema, config: { isServedAlways: true } }, async (_request, reply) => {
    reply.type("text/plain");
    return "ok\n";
  });

  const schema = { ...readySchema, querystring: readyQuery };
  app.get("/readyz", { schema, config: { isServedAlways: true } }, async (request, reply) => {
    const checks = checksOf(parts);
    const isReady = checks.every(({ fault }) => fault === null);
    // Why is in the log; where access control is on, whoever reaches the port is not told.
    const { isOn } = parts.store.access;
    const lines = checks.map(({ name, fault }) => {
      if (fault === null) return `[+] ${name} ok`;
      return isOn ? `[-] ${name}` : `[-] ${name}: ${fault}`;
    });
    const isVerbose = request.query.verbose !== undefined || !isReady;
    reply.code(isReady ? 200 : 503).type("text/plain");
    return isVerbose ? `${lines.join("\n")}\n` : "ok\n";
  });
}

/** One thing that writes take, and what is wrong with it. */
export interface Check {
  readonly name: string;
  readonly fault: string | null;
}

export function checksOf({ store, isStopping, limits }: HealthParts): Check[] {
  const log = store.logState;
  return [
    { name: "log", fault: log.state === "connected" ? null : `${log.state}: ${log.cause}` },
    { name: "disk", fault: stallIn(store, limits) },
    { name: "serving", fault: isStopping() ? "shutting down" : null },
  ];
}

/** A disk that hangs answers neither yes nor no: only the time tells. */
function stallIn({ oldestAppendMs }: Store, { appendMsMax }: HealthLimits): string | null {
  if (oldestAppendMs <= appendMsMax) return null;
  return `a write has waited for it for ${Math.round(oldestAppendMs)} ms, longer than appendMsMax (${appendMsMax})`;
}

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
  description: "With verbose it lists what was looked at: the log, the disk, and whether the server stops.",
  tags: ["operations"],
  response: { ...refusals, 200: text("Writes are served."), 503: text("They are not; the lines say why.") },
};
