// GET /: what this is, whether it is well and where to go from here, as a page for browsers and as JSON for programs. The page
// has no script, loads nothing and may not be shown within another.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { hashOf, protectPages } from "../http/pages.ts";
import { json, problems } from "../wire/schemas.ts";
import type { Health } from "./health-checks.ts";

/** For a scope of its own. */
export async function homeRoutes(app: FastifyInstance, version: string, health: Health): Promise<void> {
  await protectPages(app, { styleSrc: [hashOf(style)], imgSrc: ["data:"] });
  app.get("/", { schema: homeSchema, config: { variesByAccept: true } }, (request, reply) => {
    if (prefersPage(request)) return reply.type("text/html; charset=utf-8").send(pageFor(version, health));
    const links = Object.fromEntries(places.map(({ name, path }) => [name, `/${path}`]));
    return reply.send({ name: "treekeeper", version, links });
  });
}

/** Only browsers ask for pages by name; whoever takes anything is a program. */
function prefersPage(request: FastifyRequest): boolean {
  const { accept } = request.headers;
  return accept?.includes("text/html") === true && request.accepts().type(["json", "html"]) === "html";
}

const places = [
  { name: "docs", path: "docs", words: "every request, to read and to try" },
  { name: "llms", path: "llms.txt", words: "the calls that matter, for agents" },
  { name: "openapi", path: "openapi.json", words: "the same for programs, as OpenAPI" },
  { name: "tree", path: "v1/tree?depth=1", words: "the tree, its first level" },
  { name: "limits", path: "v1/limits", words: "every bound in force" },
  { name: "stats", path: "v1/stats", words: "how the service is, in figures" },
  { name: "live", path: "livez", words: "whether the process runs" },
  { name: "ready", path: "readyz?verbose", words: "whether writes are served" },
] as const;

const style = `
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  dt { float: left; clear: left; width: 10rem; }
  dd { margin-left: 10rem; }
  @media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
`;

/** The links are relative: a proxy may have put the service below a path of its own. */
function pageFor(version: string, health: Health): string {
  const rows = places.map(
    ({ path, words }) => `    <dt><a href="${path}">/${path}</a></dt>\n    <dd>${words}</dd>`,
  );
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <link rel="icon" href="data:,">
  <title>treekeeper</title>
  <style>${style}</style>
  <h1>treekeeper ${version}</h1>
  <p>A coordination service that speaks HTTP and Server-Sent Events.</p>
  <p>${wordsOf(health)}</p>
  <dl>
${rows.join("\n")}
  </dl>
</html>
`;
}

/** By the names of checks alone: of these nothing is a client's. */
function wordsOf(health: Health): string {
  const failed = health.report().filter(({ status }) => status === "failed");
  if (failed.length === 0) return "<strong>It is ready</strong>: writes are served.";
  return `<strong>It is not ready</strong>: ${failed.map(({ name }) => name).join(", ")}.`;
}

const home = Type.Object(
  {
    name: Type.String({ description: "What this is." }),
    version: Type.String({ description: "Which version of it." }),
    links: Type.Record(Type.String(), Type.String(), {
      title: "HomeLinks",
      description: "Where to go from here.",
    }),
  },
  { title: "Home" },
);

const homeSchema = {
  operationId: "getHome",
  summary: "What this is, and where to go from here",
  description: "A browser, which prefers `text/html`, gets a page.",
  tags: ["operations"],
  response: {
    200: json(home, "The service's name and version, and links.", {
      ...{ name: "treekeeper", version: "0.1.0", links: { docs: "/docs" } },
    }),
    ...problems(),
  },
};
