// Methods a resource does not have: OPTIONS says which it has, every other one is refused with the same list, and a
// URL nothing is at says so. Collected from the routes themselves, so it cannot go stale.

import type { FastifyInstance, HTTPMethods, RouteOptions } from "fastify";
import { KeeperError } from "../core/errors.ts";
import { sendProblem } from "./problems.ts";

const knownMethods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
] as const satisfies readonly HTTPMethods[];

/** Call before any route is added; call what it returns after the last one. */
export function collectMethods(app: FastifyInstance): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook("onRoute", (route) => collect(methodsByUrl, route));
  return () => {
    for (const [url, methods] of [...methodsByUrl]) answerOthers(app, url, methods);
    app.setNotFoundHandler((request, reply) =>
      sendProblem(
        reply,
        new KeeperError("no_route", `There is nothing at ${request.method} ${pathOnly(request.url)}.`),
      ),
    );
  };
}

function collect(methodsByUrl: Map<string, Set<string>>, route: RouteOptions): void {
  const methods = methodsByUrl.get(route.url) ?? new Set();
  methodsByUrl.set(route.url, methods);
  for (const method of [route.method].flat()) methods.add(method);
}

function answerOthers(app: FastifyInstance, url: string, methods: ReadonlySet<string>): void {
  const allow = [...knownMethods.filter((method) => methods.has(method)), "OPTIONS"];
  const schema = { hide: true };
  app.options(url, { schema }, (_request, reply) => reply.code(204).header("Allow", allow.join(", ")).send());
  const others = knownMethods.filter((method) => !methods.has(method));
  if (others.length === 0) return;
  app.route({
    method: others,
    url,
    schema,
    exposeHeadRoute: false,
    // Before the body is read: a method that is not there needs none.
    onRequest: (request, reply, _done) => {
      const message = `${request.method} is not among the methods of this resource: ${allow.join(", ")}.`;
      sendProblem(reply, new KeeperError("method_not_allowed", message, { allow }));
    },
    handler: () => undefined,
  });
}

function pathOnly(url: string): string {
  return url.split("?", 1)[0] as string;
}
