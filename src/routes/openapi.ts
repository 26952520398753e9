// The OpenAPI document, generated from the schemas that validate, and the page on which to try it.

import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance, FastifySchema } from "fastify";
import { namedSchemas, pathParameter } from "./schemas.ts";

/** Call before any route is added: what comes later is in the document. */
export async function openapiRoutes(app: FastifyInstance, version: string): Promise<void> {
  for (const schema of namedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "treekeeper",
        version,
        description:
          "A coordination service in the tradition of ZooKeeper: znodes, sessions and watches over HTTP and SSE.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      tags: [
        { name: "znodes", description: "The tree." },
        { name: "transactions", description: "Several operations at once." },
        { name: "sessions", description: "Liveness of clients." },
        { name: "watches", description: "What happens, as it happens." },
        { name: "operations", description: "Running the service." },
      ],
    },
    transform: ({ schema, url }) => ({ schema: documented(schema, url), url: url.replace("*", ":path") }),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`),
    },
  });
  await app.register(swaggerUi, { routePrefix: "/docs", logLevel: "silent" });
  app.get("/openapi.json", { schema: { hide: true } }, (_request, reply) => reply.send(app.swagger()));
}

/** A wildcard is shown as `{path}`. It is described here only: the router takes the rest of the URL as it is. */
function documented(schema: FastifySchema | undefined, url: string): FastifySchema {
  if (schema === undefined) return { hide: true };
  return url.includes("*") ? { ...schema, params: pathParameter } : schema;
}
