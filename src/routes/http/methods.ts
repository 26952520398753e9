// Methods a resource does not have: OPTIONS says which it has, every other one is refused with the same list, and a
// URL nothing is at says so. Collected from the routes themselves, so it cannot go stale.

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteOptions } from "fastify";
import { KeeperError } from "../../core/errors.ts";
import { sendProblem } from "./problems.ts";

const knownMethods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
] as const satisfies readonly HTTPMethods[];

interface Resource {
  readonly url: string;
  readonly pattern: RegExp;
  readonly allow: readonly string[];
}

/** Call before any route is added; call what it returns after the last one. */
export function collectMethods(app: FastifyInstance): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook("onRoute", (route) => collect(methodsByUrl, route));
  return () => {
    const resources = [...methodsByUrl].map(([url, methods]) => resourceOf(url, methods));
    for (const resource of resources) answerOthers(app, resource);
    const refuse = (request: FastifyRequest, reply: FastifyReply) => {
      const path = pathOnly(request.url);
      const resource =
        resources.find(({ url }) => url === path) ?? resources.find(({ pattern }) => pattern.test(path));
      return sendProblem(reply, resource === undefined ? noRoute(request) : notAllowed(request, resource));
    };
    // A method the router has never heard of, such as PROPFIND, gets here too: the resource may be there all the same.
    app.setNotFoundHandler(refuse);
    // Before the body is read: what is nowhere needs none.
    app.addHook("onRequest", (request, reply, done) => {
      if (request.is404) refuse(request, reply);
      else done();
    });
  };
}

function collect(methodsByUrl: Map<string, Set<string>>, route: RouteOptions): void {
  const methods = methodsByUrl.get(route.url) ?? new Set();
  methodsByUrl.set(route.url, methods);
  for (const method of [route.method].flat()) methods.add(method);
}

function resourceOf(url: string, methods: ReadonlySet<string>): Resource {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll(/:\w+/g, "[^/]+");
  const allow = [...knownMethods.filter((method) => methods.has(method)), "OPTIONS"];
  return { url, pattern: new RegExp(`^${source}$`), allow };
}

function answerOthers(app: FastifyInstance, resource: Resource): void {
  const { url, allow } = resource;
  const schema = { hide: true };
  const answerOptions = (_request: FastifyRequest, reply: FastifyReply) => {
    reply.code(204).header("Allow", allow.join(", ")).send();
  };
  app.options(url, { schema, onRequest: answerOptions }, () => undefined);
  const others = knownMethods.filter((method) => !allow.includes(method));
  if (others.length === 0) return;
  app.route({
    method: others,
    url,
    schema,
    exposeHeadRoute: false,
    // Before the body is read: a method that is not there needs none.
    onRequest: (request, reply, _done) => {
      sendProblem(reply, notAllowed(request, resource));
    },
    handler: () => undefined,
  });
}

function notAllowed({ method }: FastifyRequest, { allow }: Resource): KeeperError {
  const message = `${method} is not among the methods of this resource: ${allow.join(", ")}.`;
  return new KeeperError("method_not_allowed", message, { allow });
}

function noRoute({ method, url }: FastifyRequest): KeeperError {
  return new KeeperError(
    "no_route",
    `There is nothing at ${method} ${pathOnly(url)}; see /docs for what there is.`,
  );
}

function pathOnly(url: string): string {
  return url.split("?", 1)[0] as string;
}
