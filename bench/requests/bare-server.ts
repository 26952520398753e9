// What the service is measured against: a bare Fastify server whose routes have the shape of the service's GET and
// PUT of a znode (options, body parser, query and answer schemas, headers), and which answers the same thing always.
// It must store nothing and look nothing up.

import Fastify from "fastify";
import { Type } from "typebox";
import { Epochs } from "../../src/core/epochs.ts";
import { BodiesInFlight } from "../../src/routes/http/bodies-in-flight.ts";
import { etagOf } from "../../src/routes/wire/conditions.ts";
import { namedSchemas, versionQuery, written, znode } from "../../src/routes/wire/schemas.ts";
import { znodesUrl } from "../../src/routes/wire/znode-path.ts";
import { acceptAnyBody } from "../../src/routes/znodes/znodes.ts";

const headerBytesMax = 32 * 1024;
const dataBytesMax = 1024 * 1024;

const setQuery = Type.Object(
  { version: versionQuery, upsert: Type.Boolean({ default: false }) },
  { additionalProperties: false },
);

const getQuery = Type.Object(
  { raw: Type.Boolean({ default: false }), encoding: Type.Optional(Type.Literal("base64")) },
  { additionalProperties: false },
);

const path = "/bench/n0000000";
const zxid = 104_200;
const stat = {
  czxid: 1042,
  mzxid: zxid,
  pzxid: 1042,
  ctimeMs: 1_700_000_000_000,
  mtimeMs: 1_700_000_000_000,
  version: 104,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: null,
  dataLength: 100,
  numChildren: 0,
};
const epochs = new Epochs();
epochs.begin({ id: "3f9a01c2d4", firstZxid: 1 });
const data = "0123456789".repeat(10);

const app = Fastify({
  logger: false,
  bodyLimit: dataBytesMax,
  requestTimeout: 30_000,
  forceCloseConnections: "idle",
  return503OnClosing: false,
  http: { maxHeaderSize: headerBytesMax },
  routerOptions: { maxParamLength: headerBytesMax },
  ajv: {
    customOptions: { removeAdditional: false, coerceTypes: "array", discriminator: true, allErrors: false },
  },
});
for (const schema of namedSchemas) app.addSchema(schema);
acceptAnyBody(app, new BodiesInFlight({ bodiesBytesMax: 134_217_728 }));

app.get(
  `${znodesUrl}/*`,
  { schema: { querystring: getQuery, response: { 200: znode } } },
  (_request, reply) => {
    reply.header("ETag", etagOf(stat, epochs)).header("Zxid", zxid).send({ path, data, stat });
  },
);

app.put(
  `${znodesUrl}/*`,
  { schema: { querystring: setQuery, response: { 200: written } } },
  (_request, reply) => {
    reply.header("ETag", etagOf(stat, epochs)).header("Zxid", zxid).send({ path, stat });
  },
);

const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${JSON.stringify({ address })}\n`);
process.once("SIGTERM", () => void app.close());
