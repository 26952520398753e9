// GET /v1/admin/servers: which servers there are of this service, and how each of them is.

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { systemContext } from "../../core/reader.ts";
import type { Store } from "../../store/store.ts";
import { requireAdminOfTree } from "../wire/callers.ts";
import { json, problems } from "../wire/schemas.ts";

/** A server as it is known of. */
export interface ListedServer {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly version: string;
  readonly isThis: boolean;
  readonly upForMs: number;
  readonly position: number;
  readonly behindEntries: number;
  readonly behindMs: number;
  readonly heardBeforeMs: number;
}

interface ServersParts {
  readonly store: Pick<Store, "reader" | "isShared">;
  /** This one first. */
  readonly servers: () => readonly ListedServer[];
}

export function serverRoutes(app: FastifyInstance, { store, servers }: ServersParts): void {
  app.get("/v1/admin/servers", { schema: listSchema }, async (request) => {
    requireAdminOfTree(request);
    const { server: housekeeper } = store.reader(systemContext).housekeeper;
    const listed = servers().map((server) => ({
      ...server,
      keepsHouse: store.isShared ? server.id === housekeeper : true,
    }));
    return { servers: listed };
  });
}

const server = Type.Object(
  {
    id: Type.String({ description: "Its name in the log: another after each start." }),
    name: Type.String({ description: "Of its machine." }),
    url: Type.String({ description: "Where it serves; empty where it does not know." }),
    version: Type.String({ description: "Of the service." }),
    isThis: Type.Boolean({ description: "Whether it is the one that answers." }),
    keepsHouse: Type.Boolean({
      description: "Whether it ends sessions, sweeps, and puts snapshots in the place of the log.",
    }),
    upForMs: Type.Integer({ description: "How long it had run when it was last heard of." }),
    position: Type.Integer({ description: "The last entry of the log that it had done then." }),
    behindEntries: Type.Integer({ description: "Entries that it knew of then and had not done." }),
    behindMs: Type.Integer({ description: "How long it had not been level with the end of the log then." }),
    heardBeforeMs: Type.Integer({ description: "How long ago it was last heard of; 0 for this one." }),
  },
  { title: "KnownServer" },
);

const serverList = Type.Object(
  { servers: Type.Array(server, { description: "This one first, then by their names." }) },
  { title: "ServerList" },
);

const listSchema = {
  operationId: "listServers",
  summary: "Which servers there are of this service",
  description:
    "For an operator. Of a server alone with its log it is that one. Where several share a log in etcd, each says every five " +
    "seconds that it is there; after a minute of silence it is left out.",
  tags: ["operations"],
  response: {
    200: json(serverList, "The servers.", {
      servers: [
        {
          ...{ id: "5e1b7cf09ad24863", name: "node-1", url: "https://node-1.example:2281", version: "0.1.0" },
          ...{ isThis: true, keepsHouse: true, upForMs: 3_600_000, position: 1042 },
          ...{ behindEntries: 0, behindMs: 0, heardBeforeMs: 0 },
        },
      ],
    }),
    ...problems(),
  },
};
