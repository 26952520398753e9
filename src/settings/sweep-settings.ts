// Settings of the sweeps of containers and znodes with a TTL.

import { setting } from "./setting.ts";
import { integer } from "./setting-values.ts";

export const sweepSettings = {
  sweepIntervalMs: setting(
    "sweep-interval-ms",
    60_000,
    integer(10, 86_400_000),
    "time between two sweeps of containers and znodes with a TTL",
  ),
  sweepsPerMinuteMax: setting(
    "sweeps-per-minute-max",
    10_000,
    integer(1),
    "znodes that sweeps delete in a minute",
  ),
  containerNeverUsedMsMax: setting(
    "container-never-used-ms-max",
    300_000,
    integer(0),
    "time a container may wait for its first child; 0 is forever",
  ),
} as const;
