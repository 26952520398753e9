// A whole HTTP server inside the test: every route over a real store whose log is in memory, so that the state can be
// looked at directly and not one transaction goes by unnoticed.

import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { createServer, type Server } from "../../src/server.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { Http } from "../support/http.ts";
import type { Keeper } from "../support/keeper.ts";
import { test as watchesTest } from "../watches/fixture.ts";

interface ServerFixture {
  server: Server;
  http: Http;
  /** The zxid and a digest of the whole state. */
  state: () => string;
}

const limits = {
  ...defaultLimits,
  transactionBytesMax: 8_388_608,
  batchReadBytesMax: 8_388_608,
  headerBytesMax: 32_768,
  requestTimeoutMs: 30_000,
  snapshotKeptBytesMax: 67_108_864,
  idempotencyAgeMsMax: 86_400_000,
  idempotencyKeysMax: 100_000,
  idempotencyBytesMax: 67_108_864,
};

export const test = watchesTest.extend<ServerFixture>({
  server: async ({ keeper, watches }, use) => {
    const sessions = new Sessions(keeper.store);
    sessions.start();
    const server = await createServer({
      store: keeper.store,
      sessions,
      watches,
      limits,
      bounds: { ...limits },
      logger: pino({ level: "silent" }),
      version: "0.0.0",
    });
    await use(server);
    await server.close();
    sessions.stop();
  },
  http: async ({ server }, use) => {
    await server.app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = server.app.server.address() as AddressInfo;
    await use(new Http(`http://127.0.0.1:${port}`));
  },
  state: async ({ keeper }, use) => use(() => stateOf(keeper)),
});

function stateOf({ store }: Keeper): string {
  return `${store.zxid} ${Digest.of(store.state).toString()}`;
}
