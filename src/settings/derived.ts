// What a setting is where it follows from others: shares of what there is, and bounds that the heap and the file set.

import { getHeapStatistics } from "node:v8";
import { mebibyte } from "./setting.ts";
import type { Config } from "./settings.ts";

/** Of settings that were given as they were; 0 stands for what follows from others. */
export function withDerived(config: Config): Config {
  return withShares(withinHeap(withinDatabase(config)));
}

/** What one client may have where nothing is said: most of what there is, so that there is something left for others. */
function withShares(config: Config): Config {
  const { connectionsMax, claimWaitersMax, streamsMax, answerBytesMax, queueCommandsMax, queueBytesMax } =
    config;
  const or = (set: number, share: number) => (set === 0 ? Math.ceil(share) : set);
  return {
    ...config,
    connectionsPerClientMax: or(config.connectionsPerClientMax, connectionsMax * largeShare),
    waitsPerClientMax: or(config.waitsPerClientMax, claimWaitersMax * largeShare),
    answerBytesPerClientMax: or(config.answerBytesPerClientMax, answerBytesMax * largeShare),
    streamsPerClientMax: or(config.streamsPerClientMax, streamsMax * largeShare),
    queueCommandsPerClientMax: or(config.queueCommandsPerClientMax, queueCommandsMax / 2),
    queueBytesPerClientMax: or(config.queueBytesPerClientMax, queueBytesMax / 2),
    rateBurst: or(config.rateBurst, config.ratePerSecond * 2),
  };
}

/** Where all come through one proxy it is one client. */
const largeShare = 3 / 4;

/** Kept answers must not be what fills a file that has a bound: no deletion of a client's makes them fewer. */
function withinDatabase(config: Config): Config {
  if (config.databaseBytesMax === 0) return config;
  const share = Math.floor(config.databaseBytesMax / 16);
  return { ...config, idempotencyBytesMax: Math.min(config.idempotencyBytesMax, share) };
}

/** Memory that Node.js may have for objects: more is the end of the process. */
export const heapBytes = getHeapStatistics().heap_size_limit;

/** The program itself, and requests on their way. */
const heapBytesOfProgram = 64 * mebibyte;
const treeBytesMin = 8 * mebibyte;

/** The heap holds the history and the kept answers as well, and needs room to collect garbage in. */
function withinHeap(config: Config): Config {
  if (config.treeBytesMax !== 0) return config;
  const left = heapBytes - heapBytesOfProgram - config.historyBytesMax - config.idempotencyBytesMax;
  return { ...config, treeBytesMax: Math.max(treeBytesMin, Math.floor(left / 2)) };
}
