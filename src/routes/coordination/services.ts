// /v1/services: who offers what, and where (API section 6). An instance is a znode under /services that lives with the
// session that registered it; a route asks for it to be there, and shows those that are.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import {
  fits,
  formatInstance,
  type Instance,
  type InstanceView,
  instanceAt,
  instanceIn,
  instancePath,
  instanceViewOf,
  servicePath,
} from "../../core/coordination/instances.ts";
import { servicesPath } from "../../core/coordination/parts.ts";
import { noInstance } from "../../core/coordination/plan-services.ts";
import type { WrittenInstance } from "../../core/coordination/service-command.ts";
import { KeeperError } from "../../core/errors.ts";
import type { Reader } from "../../core/reader.ts";
import { joinPath, validateName } from "../../core/tree/path.ts";
import type { WriteContext } from "../../core/write-context.ts";
import { fixedLimits } from "../http/fixed-limits.ts";
import { callerOf } from "../wire/callers.ts";
import { forceQuery } from "../wire/coordination-schemas.ts";
import { changesBody, filterOf, instanceBody } from "../wire/instance-schemas.ts";
import { namesQuery, pageOfNames } from "../wire/name-pages.ts";
import { entryBytes, PageSize } from "../wire/page-size.ts";
import {
  keptReaderFor,
  type RouteParts,
  sessionTokenOf,
  touchSession,
  wellFormed,
  writeContextOf,
} from "../wire/parts.ts";
import { noteForced } from "./forced.ts";
import {
  changeSchema,
  deregisterSchema,
  getInstanceSchema,
  getServiceSchema,
  instancesQuery,
  listSchema,
  registerSchema,
  replaceQuery,
} from "./service-schemas.ts";

type ServiceParts = RouteParts & { readonly logger: Logger };

const instanceUrl = "/v1/services/:service/instances/:id";

export function serviceRoutes(app: FastifyInstance, parts: ServiceParts): void {
  readRoutes(app, parts);
  registerRoute(app, parts);
  changeRoute(app, parts);
  deregisterRoute(app, parts);
}

function readRoutes(plainApp: FastifyInstance, { store, sessions }: ServiceParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    "/v1/services",
    { schema: { ...listSchema, querystring: namesQuery("Services") } },
    async (request) => {
      touchSession(request, sessions);
      const { views, ...next } = pageOfNames(
        keptReaderFor(request, store),
        servicesPath,
        request.query,
        (name, { numChildren }) => ({
          ...{ name, instanceCount: numChildren },
        }),
      );
      return { services: views, ...next };
    },
  );

  app.get(
    "/v1/services/:service",
    { schema: { ...getServiceSchema, querystring: instancesQuery } },
    async (request) => {
      const { service } = request.params;
      const { limit, after } = request.query;
      validateResourceName(service);
      if (after !== undefined) validateName(after);
      touchSession(request, sessions);
      const path = servicePath(service);
      const filter = filterOf(request.query);
      const isMeant = (instance: Instance) => fits(instance, filter);
      return {
        name: service,
        path,
        ...instancesOf(keptReaderFor(request, store), path, { limit, after, isMeant }),
      };
    },
  );

  app.get(instanceUrl, { schema: getInstanceSchema }, async (request) => {
    const path = pathOf(request.params);
    touchSession(request, sessions);
    const view = instanceAt(keptReaderFor(request, store).get(path));
    if (view === null) throw noInstance(path);
    return view;
  });
}

/** A page looks at so many znodes at most, however few of them are meant; the next one goes on behind them. */
function instancesOf(reader: Reader, path: string, { limit, after, isMeant }: Page) {
  const instances: InstanceView[] = [];
  const size = new PageSize();
  let [looked, last] = [0, ""];
  for (const name of namesAfter(reader, path, after)) {
    if (looked === fixedLimits.pageEntriesMax) return { instances, next: last };
    const znode = reader.mayRead(joinPath(path, name)) ? reader.get(joinPath(path, name)) : undefined;
    const view = instanceAt(znode);
    if (znode !== undefined && view !== null && isMeant(view)) {
      const isFull = instances.length === limit || !size.takes(entryBytes(znode, { data: true }));
      if (isFull) return { instances, next: last };
      instances.push(view);
    }
    looked += 1;
    last = name;
  }
  return { instances };
}

function* namesAfter(reader: Reader, path: string, after: string | undefined): Generator<string> {
  for (const name of reader.childNames(path, after)) if (name !== after) yield name;
}

function registerRoute(plainApp: FastifyInstance, parts: ServiceParts): void {
  const { store, logger } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.put(
    instanceUrl,
    { schema: { ...registerSchema, querystring: replaceQuery, body: instanceBody } },
    async (request, reply) => {
      const { service: name, id } = request.params;
      const path = pathOf(request.params);
      const data = formatInstance(instanceIn(textOf(request.body)) as Instance);
      const replace = replacedBy(request.query);
      const { context, validForMs } = await writerOf(request, parts);
      const { outcome } = await store.submit({
        type: "registerInstance",
        name,
        id,
        data,
        replace,
        ...context,
      });
      if (replace === "any" && outcome.replaced !== undefined) {
        const message = "an instance was replaced by force";
        const what = { service: name, instance: id };
        noteForced(request, { what, owner: outcome.replaced, context, message }, logger);
      }
      if (outcome.created) {
        const location = `/v1/services/${encodeURIComponent(name)}/instances/${encodeURIComponent(id)}`;
        reply.code(201).header("Location", location);
      }
      return written(path, outcome, { context, validForMs });
    },
  );
}

function changeRoute(plainApp: FastifyInstance, parts: ServiceParts): void {
  const { store, limits } = parts;
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.patch(instanceUrl, { schema: { ...changeSchema, body: changesBody } }, async (request) => {
    const { service: name, id } = request.params;
    const path = pathOf(request.params);
    const changes = Buffer.from(textOf(request.body));
    const bytesMax = limits.metadataBytesMax;
    const { context, validForMs } = await writerOf(request, parts);
    const { outcome } = await store.submit({
      type: "changeInstance",
      name,
      id,
      changes,
      bytesMax,
      ...context,
    });
    return written(path, outcome, { context, validForMs });
  });
}

function deregisterRoute(plainApp: FastifyInstance, { store, sessions, logger }: ServiceParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();

  app.delete(
    instanceUrl,
    { schema: { ...deregisterSchema, querystring: forceQuery } },
    async (request, reply) => {
      const { service: name, id } = request.params;
      const { force } = request.query;
      pathOf(request.params);
      const context = writeContextOf(request, sessions);
      const { outcome } = await store.submit({ type: "deregisterInstance", name, id, force, ...context });
      if (force && outcome.owner !== undefined) {
        const message = "an instance was removed by force";
        const what = { service: name, instance: id };
        noteForced(request, { what, owner: outcome.owner, context, message }, logger);
      }
      return reply.code(204).send();
    },
  );
}

interface Writer {
  readonly context: WriteContext;
  /** The request has renewed its session as it arrived, which was not earlier than it was sent. */
  readonly validForMs: number;
}

async function writerOf(request: FastifyRequest, { sessions }: ServiceParts): Promise<Writer> {
  const context = writeContextOf(request, sessions);
  const token = sessionTokenOf(request);
  return {
    context,
    validForMs:
      token === undefined ? 0 : (await sessions.confirm(token, callerOf(request).permits)).timeoutMs,
  };
}

function written(path: string, { fence, instance }: WrittenInstance, { context, validForMs }: Writer) {
  const { sessionId: ephemeralOwner = "" } = context;
  return { ...instanceViewOf({ path, czxid: fence, ephemeralOwner }, instance), validForMs };
}

interface Page {
  readonly limit: number;
  readonly after: string | undefined;
  readonly isMeant: (instance: Instance) => boolean;
}

function pathOf({ service, id }: { service: string; id: string }): string {
  validateResourceName(service);
  validateResourceName(id);
  return instancePath(service, id);
}

function replacedBy({ replace, force }: { replace?: number; force: boolean }): number | "any" | undefined {
  if (!force) return replace;
  if (replace === undefined) return "any";
  throw new KeeperError(
    "bad_request",
    "Give replace or force, not both: replace names the instance to replace, force replaces any.",
  );
}

/** As JSON; what is no text in it cannot be a znode's data. */
function textOf(body: object): string {
  return JSON.stringify(body, (name, value) => {
    wellFormed(name, "The name of a member");
    return typeof value === "string" ? wellFormed(value, name) : value;
  });
}
