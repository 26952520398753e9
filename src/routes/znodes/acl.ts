// /v1/acl: which access control list a znode has, and giving it another one. What the lists allow is decided in the core,
// where things are done.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { parseAcl } from "../../core/acl/acl-syntax.ts";
import { validatePath } from "../../core/tree/path.ts";
import { shownBy } from "../wire/acl-identities.ts";
import { aclInput, shownAcl, shownAclEntry } from "../wire/acl-schemas.ts";
import { refuseConditions } from "../wire/conditions.ts";
import { type RouteParts, readerFor, touchSession, writeContextOf } from "../wire/parts.ts";
import {
  json,
  problems,
  versionQuery,
  writeHeaders,
  writeProblems,
  written,
  znodeReadHeaders,
} from "../wire/schemas.ts";
import { noNode } from "../wire/views.ts";
import { exampleWritten } from "../wire/znode-examples.ts";
import { znodePathOf } from "../wire/znode-path.ts";

const aclUrl = "/v1/acl";

const setQuery = Type.Object(
  {
    aversion: Type.Optional(
      Type.Integer({ ...versionQuery, description: "The aversion the znode must be at; -1 means any." }),
    ),
  },
  { additionalProperties: false },
);

const exampleInput = {
  acl: [
    {
      perms: ["read", "write", "create", "delete", "admin"],
      scheme: "digest",
      id: "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=",
    },
    { perms: ["read"], scheme: "ip", id: "10.0.0.0/8" },
  ],
};

const aclBody = Type.Object(
  { acl: aclInput },
  { title: "AclInput", additionalProperties: false, examples: [exampleInput] },
);

const aclAnswer = Type.Object(
  {
    path: Type.String(),
    acl: Type.Array(shownAclEntry, { description: "Who may do what, in the order it was given." }),
    aversion: Type.Integer({ description: "How often the list was set: to be sent as aversion." }),
  },
  { title: "AclView" },
);

export function aclRoutes(plainApp: FastifyInstance, { store, sessions, limits }: RouteParts): void {
  const app = plainApp.withTypeProvider<TypeBoxTypeProvider>();
  // The root's own URL behaves as the wildcard does, and is documented by it.
  for (const url of [aclUrl, `${aclUrl}/*`]) {
    const hide = url === aclUrl;

    app.get(url, { schema: { ...getSchema, hide } }, async (request) => {
      const path = znodePathOf(request, aclUrl, limits);
      validatePath(path);
      touchSession(request, sessions);
      const list = readerFor(request, store).listOf(path);
      if (list === undefined) throw noNode(path);
      return { path, acl: shownAcl(list.acl), aversion: list.aversion };
    });

    app.put(
      url,
      { schema: { ...setSchema, hide, querystring: setQuery, body: aclBody } },
      async (request) => {
        const path = znodePathOf(request, aclUrl, limits);
        validatePath(path);
        refuseConditions(request.headers, ["if-match", "if-none-match"], conditionHint);
        const acl = parseAcl(request.body.acl, shownBy(request).digests);
        const { aversion } = request.query;
        const expected = aversion === undefined ? {} : { aversion };
        const context = writeContextOf(request, sessions);
        return (await store.submit({ type: "setAcl", path, acl, ...expected, ...context })).outcome;
      },
    );
  }
}

const conditionHint = "An access control list has no ETag: say which aversion the znode must be at.";

const tags = ["acl"];

const getSchema = {
  operationId: "getAcl",
  summary: "Who may do what with a znode",
  description:
    "A list is that of its znode alone: it says nothing of what is above or below. Whoever the list does not give `admin` " +
    "sees `x` in the place of the hashes in it.",
  tags,
  headers: znodeReadHeaders,
  response: {
    200: json(aclAnswer, "The list, and how often it was set.", {
      path: "/services/web",
      acl: [{ perms: ["read", "write", "create", "delete", "admin"], scheme: "world", id: "anyone" }],
      aversion: 0,
    }),
    ...problems("bad_path", "no_node", "session_expired"),
  },
};

const setSchema = {
  operationId: "setAcl",
  summary: "Give a znode another access control list",
  description:
    "The list comes in the place of the whole one that was there. It moves `aversion` and nothing else of the stat, and " +
    "watchers are told nothing.",
  tags,
  headers: writeHeaders,
  response: {
    200: json(written, "The znode has this list.", exampleWritten),
    ...problems(...writeProblems, "bad_acl", "no_node", "bad_version"),
  },
};
