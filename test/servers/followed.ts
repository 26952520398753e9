// A complete server of this process that follows another: nothing of it is replaced by something simpler, but that it keeps
// its tables in memory.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "../../src/clock.ts";
import { Coordination } from "../../src/coordination/coordination.ts";
import { checkState } from "../../src/core/check.ts";
import { Digest } from "../../src/core/digest.ts";
import { State } from "../../src/core/state.ts";
import type { Audit } from "../../src/routes/http/audited-request.ts";
import { auditedNameOf } from "../../src/routes/wire/callers.ts";
import { createServer } from "../../src/server.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import { readConfig } from "../../src/settings/config.ts";
import { boundsOf } from "../../src/settings/settings.ts";
import type { LogState } from "../../src/store/commit-log.ts";
import { Store } from "../../src/store/store.ts";
import { Upstream } from "../../src/store/upstream/upstream.ts";
import { UpstreamLog } from "../../src/store/upstream/upstream-log.ts";
import { defaultWatchLimits } from "../../src/watches/limits.ts";
import { Watches } from "../../src/watches/watches.ts";
import { Http } from "../support/http.ts";

const config = readConfig(["node", "main.ts"], "0.0.0");

export interface FollowOptions {
  readonly urls: readonly string[];
  /** Of an admin over there; none where nobody is asked. */
  readonly token?: string;
  /** Where the clock over there stands still nothing is heard of it, and there is no hurry. */
  readonly suspendAfterMs?: number;
  /** Called with each line of its audit log. */
  readonly onAudited?: Audit["note"];
}

export interface Followed {
  readonly http: Http;
  readonly store: Store;
  readonly log: UpstreamLog;
  /** Each that the log has been in, in their order. */
  readonly logStates: readonly LogState[];
  /** The last transaction and a digest of the whole state, with what is wrong in it. */
  state(): string;
  close(): Promise<void>;
}

export async function follow({
  urls,
  token,
  suspendAfterMs = 60_000,
  onAudited,
}: FollowOptions): Promise<Followed> {
  const upstream = upstreamAt(urls, token);
  const paces = { suspendAfterMs, probeEveryMs: 50, retryMs: 20 };
  const log = new UpstreamLog(upstream, { clock: systemClock, paces }, await upstream.end());
  const state = State.fresh();
  const position = { appliedLsn: 0, historyFloorZxid: 0 };
  const store = new Store({ state, position, log, clock: systemClock, limits: config });
  const logStates: LogState[] = [];
  store.onLogState((logState) => logStates.push(logState));
  const saved = { rows: [], floorZxid: 0 };
  const watches = new Watches({ store, saved, limits: defaultWatchLimits, chance: Math.random });
  log.beginAt(store.recent.last);
  store.onPlace((place) => log.reached(place));
  await store.start();
  const sessions = new Sessions(store, config);
  const server = await createServer({
    ...{ store, sessions, watches, coordination: new Coordination(store, config) },
    ...{ follower: { upstream, log }, limits: config, bounds: boundsOf(config) },
    ...{ logger: pino({ level: "silent" }), version: "0.0.0" },
    audit: onAudited === undefined ? undefined : { note: onAudited, whoOf: auditedNameOf },
  });
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  return {
    ...{ http: new Http(`http://127.0.0.1:${port}`), store, log, logStates },
    state: () => [state.zxid, Digest.of(state), ...checkState(state)].join(" "),
    async close() {
      await server.close();
      sessions.dispose();
      await store.close();
    },
  };
}

/** The file is read once. */
function upstreamAt(urls: readonly string[], token: string | undefined): Upstream {
  const settings = { follow: urls.join(","), followCa: "" };
  if (token === undefined) return new Upstream({ ...settings, followTokenFile: "" });
  const directory = mkdtempSync(join(tmpdir(), "treekeeper-token-"));
  const followTokenFile = join(directory, "token");
  writeFileSync(followTokenFile, `${token}\n`, { mode: 0o600 });
  try {
    return new Upstream({ ...settings, followTokenFile });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
