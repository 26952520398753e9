// What an idle stream costs in memory: the server's share of RAM before and after many are open, beside the same of a
// bare server that holds as many responses open. What streams hold is seen only when garbage was collected both times:
// otherwise it is hidden by what the collector takes for itself as soon as anything happens, about 128 MiB.

import { settledBytes } from "../support/process-figures.ts";
import { type ServerProcess, startBareWatchServer, startService } from "../support/server-process.ts";
import { type Spread, spreadOf } from "../support/statistics.ts";
import { withTemporaryFolder } from "../support/temporary-folder.ts";
import { withClients } from "./client-process.ts";

export interface StreamMemory {
  readonly kind: MemoryKind;
  readonly streams: number;
  readonly rounds: readonly Round[];
  readonly heldKibibytes: Spread;
  readonly leftAloneKibibytes: Spread;
}

interface Round {
  /** KiB per stream, garbage collected before and after they were opened. */
  readonly held: number;
  /** KiB per stream in a fresh server that is left alone. */
  readonly leftAlone: number;
}

export interface MemoryPace {
  readonly rounds: number;
  readonly streams: number;
}

/** The service with all streams on one path, with each on its own, and the bare server. */
const kinds = ["one path", "own paths", "bare"] as const;
type MemoryKind = (typeof kinds)[number];

export async function measureMemory(directory: string, pace: MemoryPace): Promise<StreamMemory[]> {
  const rounds: Record<MemoryKind, Round[]> = { "one path": [], "own paths": [], bare: [] };
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const kind of kinds) rounds[kind].push(await playRound(directory, kind, pace.streams));
  }
  return kinds.map((kind) => ({
    kind,
    streams: pace.streams,
    rounds: rounds[kind],
    heldKibibytes: spreadOf(rounds[kind].map(({ held }) => held)),
    leftAloneKibibytes: spreadOf(rounds[kind].map(({ leftAlone }) => leftAlone)),
  }));
}

async function playRound(directory: string, kind: MemoryKind, streams: number): Promise<Round> {
  return {
    held: await measure(directory, { kind, streams, isCollectable: true }),
    leftAlone: await measure(directory, { kind, streams, isCollectable: false }),
  };
}

interface Setting {
  readonly kind: MemoryKind;
  readonly streams: number;
  readonly isCollectable: boolean;
}

/** A server of its own for each: one that had streams before has room for them. */
function measure(directory: string, { kind, streams, isCollectable }: Setting): Promise<number> {
  return withTemporaryFolder(directory, async (folder) => {
    const options = { isCollectable };
    const server =
      kind === "bare" ? await startBareWatchServer(options) : await startService(folder, options);
    const memory = () => memoryOf(server, isCollectable);
    try {
      return await withClients(1, async ([client]) => {
        const before = await memory();
        const eachOwn = kind === "own paths";
        await client?.call("open", { baseUrl: server.baseUrl, count: streams, path: "/idle", eachOwn });
        return ((await memory()) - before) / 1024 / streams;
      });
    } finally {
      await server.kill();
    }
  });
}

/** In bytes; not a number where the system does not say. */
async function memoryOf(server: ServerProcess, isCollectable: boolean): Promise<number> {
  if (isCollectable) server.collectGarbage();
  return await settledBytes(server.pid);
}
