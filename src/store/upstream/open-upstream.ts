// From settings to the log of the server that is followed, and what goes with it.

import { type Begun, begin } from "./begin.ts";
import { type Surroundings, untilAnswered } from "./patience.ts";
import { Upstream, type UpstreamSettings } from "./upstream.ts";
import { UpstreamLog } from "./upstream-log.ts";

export interface OpenedUpstream {
  readonly log: UpstreamLog;
  /** Where requests go that this server does not answer itself. */
  readonly upstream: Upstream;
  /** Before the data directory is opened. */
  begin(dataDir: string, options: { readonly allowUnsafeFilesystem: boolean }): Promise<Begun>;
}

/**
 * Resolves when the server that is followed answers.
 * @throws Error for files that cannot be read; UpstreamRefusal when it does not let this one follow; the signal's reason
 */
export async function openUpstream(
  settings: UpstreamSettings,
  surroundings: Surroundings,
): Promise<OpenedUpstream> {
  const upstream = new Upstream(settings);
  const { signal } = surroundings;
  const tail = await untilAnswered(upstream, surroundings, () => upstream.end(signal));
  const log = new UpstreamLog(upstream, surroundings, tail);
  const { clusterId } = tail;
  return {
    log,
    upstream,
    begin: (dataDir, options) => begin(upstream, { ...surroundings, ...options, dataDir, clusterId }),
  };
}
