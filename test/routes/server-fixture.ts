// A whole HTTP server inside the test: every route over a real store whose log is in memory, so that the state can be
// looked at directly and not one transaction goes by unnoticed. Where several servers are asked for (test/support/logs.ts),
// any of them answers, and the state is that of the first.

import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import type { Tracer } from "@opentelemetry/api";
import { type Logger, pino } from "pino";
import type { TlsPair } from "../../src/certificate.ts";
import { Coordination } from "../../src/coordination/coordination.ts";
import { Digest } from "../../src/core/digest.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { Housekeeper } from "../../src/duties/housekeeper.ts";
import { LockDelays } from "../../src/duties/lock-delays.ts";
import type { Audit } from "../../src/routes/http/audited-request.ts";
import { createServer, type Server } from "../../src/server.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import type { Watches } from "../../src/watches/watches.ts";
import { MadeUpBackups } from "../support/backup-source.ts";
import { Http } from "../support/http.ts";
import { HttpToPeers } from "../support/http-to-peers.ts";
import { Keeper } from "../support/keeper.ts";
import { openBeside, serverCount } from "../support/logs.ts";
import { settle } from "../support/under-way.ts";
import { watchesOf, test as watchesTest } from "../watches/fixture.ts";

interface ServerFixture {
  backups: MadeUpBackups;
  server: Server;
  http: Http;
  /** The zxid and a digest of the whole state. */
  state: () => string;
}

const limits = {
  ...defaultLimits,
  transactionBytesMax: 8_388_608,
  bodiesBytesMax: 134_217_728,
  batchReadBytesMax: 8_388_608,
  answerBytesMax: 134_217_728,
  connectionAnswerBytesMax: 33_554_432,
  answerBytesPerClientMax: 134_217_728,
  sendTimeoutMs: 60_000,
  headerBytesMax: 49_152,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  claimWaitersMax: 1000,
  appendMsMax: 5000,
  snapshotKeptBytesMax: 67_108_864,
  idempotencyAgeMsMax: 86_400_000,
  idempotencyKeysMax: 100_000,
  idempotencyBytesMax: 67_108_864,
  keepAliveTimeoutMs: 72_000,
  connectionsMax: 1000,
  requestsPerConnectionMax: 128,
  waitsPerConnectionMax: 100,
  connectionsPerClientMax: 1000,
  streamsPerClientMax: 1000,
  waitsPerClientMax: 1000,
  sessionsPerClientMax: 1000,
  ratePerSecond: 0,
  rateBurst: 0,
  jsonValuesMax: 50_000,
  jsonDepthMax: 32,
};

export const test = watchesTest.extend<ServerFixture>({
  backups: async ({ keeper }, use) => use(new MadeUpBackups(keeper)),
  server: async ({ keeper, watches, backups }, use) => {
    const { server, close } = await serverOver(keeper, watches, { backups });
    await use(server);
    await close();
  },
  http: async ({ server, keeper, task }, use) => {
    const http = await listen(server);
    if (serverCount === 1) {
      await use(http);
      return;
    }
    const peers = [];
    while (peers.length < serverCount - 1) peers.push(await startPeer(keeper));
    const urls = [http.url, ...peers.map((peer) => peer.url)];
    await use(new HttpToPeers(urls, keeper, crc32(task.name)));
    for (const { close } of peers) await close();
  },
  state: async ({ keeper }, use) => use(() => stateOf(keeper)),
});

/** Another server of the same service, whose time passes alike. */
async function startPeer({ clock, log }: Keeper) {
  const peer = new Keeper(clock, await openBeside(log));
  await peer.store.start();
  const watches = watchesOf(peer);
  const { http, close } = await serveFor(peer, watches);
  return {
    url: http.url,
    async close() {
      watches.close("shutdown");
      await close();
      await peer.store.close();
    },
  };
}

interface Overrides {
  readonly limits?: Partial<typeof limits>;
  readonly tls?: TlsPair | null;
  readonly audit?: Audit;
  readonly logger?: Logger;
  readonly tracer?: Tracer | null;
  readonly trustedProxies?: readonly string[];
  readonly backups?: MadeUpBackups;
}

const silent = pino({ level: "silent" });

/** It listens nowhere yet. */
export async function serverOver(
  keeper: Keeper,
  watches: Watches,
  {
    limits: others,
    tls = null,
    audit,
    logger = silent,
    tracer = null,
    trustedProxies = [],
    backups = new MadeUpBackups(keeper),
  }: Overrides = {},
) {
  const sessions = new Sessions(keeper.served, { ...limits, ...others });
  const housekeeper = new Housekeeper(keeper.served, [sessions, new LockDelays(keeper.served)]);
  housekeeper.start();
  // It may be of several, who agree by way of the log.
  await settle();
  const parts = {
    store: keeper.served,
    sessions,
    watches,
    coordination: new Coordination(keeper.served, { ...limits, ...others }),
    backups,
    backstage: { housekeeper },
    limits: { ...limits, ...others },
    bounds: { ...limits, ...others },
    logger,
    version: "0.0.0",
    audit,
    tracer,
  };
  const server = await createServer(parts, { corsOrigin: "", hostNames: [], tls, trustedProxies });
  const close = async () => {
    await server.close();
    housekeeper.stop();
  };
  return { server, close };
}

async function listen({ app }: Server): Promise<Http> {
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return new Http(`http://127.0.0.1:${port}`);
}

/** For a test that makes the parts itself: a server over them, and what closes it. */
export async function serveFor(keeper: Keeper, watches: Watches, overrides: Overrides = {}) {
  const { server, close } = await serverOver(keeper, watches, overrides);
  return { server, http: await listen(server), close };
}

function stateOf({ state }: Keeper): string {
  return `${state.zxid} ${Digest.of(state).toString()}`;
}
