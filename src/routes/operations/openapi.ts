// The OpenAPI document, generated from the schemas that validate, and the page on which to try it.

import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance, FastifySchema } from "fastify";
import { type TSchema, Type } from "typebox";
import { hashOf, protectPages } from "../http/pages.ts";
import { namedSchemas, pathOrPrefixParameter, pathParameter } from "../wire/schemas.ts";
import { finished } from "./document.ts";
import { notes } from "./document-operations.ts";
import { isObject } from "./json-walk.ts";
import { inOpenapi30 } from "./openapi-3-0.ts";
import { servedText } from "./served-text.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the document shows as the route's body, where its parts are judged one by one and not by its schema. */
    documentedBody?: TSchema;
  }
  interface FastifySchema {
    /** Without a session's token the answer is always `session_required`. */
    needsSession?: true;
    /** How the document tells of the HEAD of a GET, where that is worth an operation. */
    head?: HeadOperation;
  }
}

interface HeadOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** The parameters that make a difference to it. */
  readonly names: readonly string[];
}

const tags = Object.entries({
  znodes: "The tree.",
  transactions: "Several operations at once, bound together or each by itself.",
  quotas: "Limits on subtrees.",
  access:
    "Who may do what. For access control lists of znodes any request may have the header `Acl-Auth`: `digest` and the base64 " +
    "of `user:password`, several comma-separated.",
  acl: "Who may do what with a znode.",
  sessions: "Liveness of clients.",
  watches: "What happens, as it happens.",
  locks: "One at a time, or so many, in the order they came.",
  elections: "Who leads, and who would be next.",
  services: "Who offers what, and where.",
  counters: "Numbers that many add to.",
  barriers: "Entered together, and left together.",
  operations: "Running the service.",
}).map(([name, description]) => ({ name, description }));

/** Call before any route is added: what comes later is in the document. */
export async function documentRoutes(app: FastifyInstance, version: string): Promise<void> {
  for (const schema of namedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "treekeeper",
        version,
        description:
          "A coordination service in the tradition of ZooKeeper: znodes, sessions and watches over HTTP and SSE.",
        contact: { name: "The maintainers of treekeeper" },
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "The server that the document is of." }],
      security: [{ BearerToken: [] }, {}],
      components: {
        securitySchemes: {
          BearerToken: bearerScheme,
          SessionToken: sessionTokenScheme,
        },
      },
      tags,
    },
    transform: ({ schema, url, route }) => ({
      schema: documented(schema, { url, method: String(route.method), body: route.config?.documentedBody }),
      url: url.replace("*", ":path"),
    }),
    transformObject: (made) => finished("openapiObject" in made ? made.openapiObject : made),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`),
    },
  });
  await app.register(tryItPage);
}

/** Where programs read the document. */
export function openapiRoutes(app: FastifyInstance): void {
  const json = "application/json; charset=utf-8";
  const document = servedText(json, () => textOf(app.swagger()));
  const olderDocument = servedText(json, () => textOf(inOpenapi30(app.swagger())));
  app.get("/openapi.json", { schema: { hide: true } }, document);
  app.get("/openapi-3.0.json", { schema: { hide: true } }, olderDocument);
}

const self = ["'self'"];

/** The one style that stands in its page: the colours of its own logo. The test in a browser fails when it is another. */
const logoStyle = ".logo_small_svg__cls-2{fill:#fff}.logo_small_svg__cls-3{fill:#85ea2d}";

async function tryItPage(scope: FastifyInstance): Promise<void> {
  await protectPages(scope, {
    scriptSrc: self,
    styleSrc: [...self, hashOf(logoStyle)],
    imgSrc: [...self, "data:"],
    connectSrc: self,
  });
  scope.addHook("onRoute", (route) => {
    // To write it down as YAML takes longer than anybody may be kept waiting, and whoever reads YAML reads JSON.
    if (route.url === "/docs/yaml") route.handler = (_request, reply) => reply.redirect("../openapi.json");
  });
  await scope.register(swaggerUi, { routePrefix: "/docs", logLevel: "silent" });
}

/** As it stands in the repository. */
function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

const bearerScheme = {
  type: "http",
  scheme: "bearer",
  description: "Who asks, where access control is on: a token that an admin has made.",
} as const;

const sessionTokenScheme = {
  type: "apiKey",
  in: "header",
  name: "Session-Token",
  description:
    "The token of the session that a request acts for, which it renews: clients may set it once. Operations that are " +
    "always refused without it have it as a parameter that is required.",
} as const;

/**
 * What validation does not need, or says otherwise than a reader would: a wildcard is shown as `{path}`, since the
 * router takes the rest of the URL as it is; a body that is data has no schema; a parameter with a default is optional.
 */
function documented(
  schema: FastifySchema | undefined,
  { url, method, body }: { url: string; method: string; body: TSchema | undefined },
): FastifySchema {
  if (schema === undefined) return { hide: true };
  const { needsSession, head } = schema;
  const shown = body ?? schema.body;
  const takesData = url.startsWith("/v1/znodes") && (method === "POST" || method === "PUT");
  return {
    ...schema,
    ...(url.includes("*") && {
      params: takesData && method === "POST" ? pathOrPrefixParameter : pathParameter,
    }),
    ...(takesData && { body: dataBody }),
    ...((takesData || mayBeLeftOut(shown)) && { [notes.bodyIsOptional]: true }),
    ...(needsSession === true && { [notes.needsSession]: true }),
    ...(head !== undefined && { [notes.head]: head }),
    ...(body !== undefined && { body }),
    ...(schema.querystring !== undefined && { querystring: withoutDefaulted(schema.querystring) }),
  };
}

/** A body that is not there is an empty object. */
function mayBeLeftOut(body: unknown): boolean {
  if (!isObject(body)) return false;
  const { type, required = [], "x-bounds": bounds = {} } = body;
  const takesNothing = type === "object" && (required as unknown[]).length === 0;
  return Type.IsOptional(body) || (takesNothing && !("minProperties" in (bounds as object)));
}

const dataBody = {
  description: "The data, byte for byte, whatever its Content-Type.",
  content: { "application/octet-stream": { schema: { type: "string", format: "binary", examples: ["up"] } } },
};

interface ObjectSchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, object>>;
}

/**
 * Defaults are filled in before a request is validated, so what has one need not be sent. What asks for another form of
 * answer is hidden: the form has an operation of its own.
 */
function withoutDefaulted(querystring: unknown): ObjectSchema {
  const { required = [], properties: all = {}, ...rest } = querystring as ObjectSchema;
  const properties = Object.fromEntries(Object.entries(all).filter(([, each]) => !("x-hidden" in each)));
  return {
    ...rest,
    properties,
    required: required.filter((name) => !("default" in (properties[name] ?? {}))),
  };
}
