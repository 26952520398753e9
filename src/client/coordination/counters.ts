// Counters (API section 6): numbers that many add to, each addition once, whatever answers are lost.

import type { Fence } from "../../core/write-context.ts";
import type { Caller, CallOptions } from "../calls/calls.ts";
import { fenceHeaderOf } from "../calls/fences.ts";
import { segmentOf } from "../calls/names.ts";

export interface CountOptions extends CallOptions {
  /** It is added only while each of these znodes exists with this czxid; else `fence_stale`. */
  readonly fences?: readonly Fence[] | undefined;
}

/** The znode `/counters/<name>` holds its value as decimal text: there it is set, watched and deleted. */
export class Counter {
  readonly name: string;
  readonly #caller: Caller;

  constructor(caller: Caller, name: string) {
    this.#caller = caller;
    this.name = name;
  }

  /**
   * What it comes to. The first addition makes the counter; `by` may be negative.
   * @throws RequestError `not_a_counter` when the znode holds no number
   */
  async add(by = 1, { signal, timeoutMs, fences = [] }: CountOptions = {}): Promise<number> {
    const call = { method: "POST", path: this.#path, json: { by }, repeat: "keyed" } as const;
    const headers = fenceHeaderOf({ fences });
    return valueIn(await this.#caller.send({ ...call, headers, signal, timeoutMs }));
  }

  /** @throws RequestError `no_node` when nothing was ever added */
  async get({ signal, timeoutMs }: CallOptions = {}): Promise<number> {
    const call = { method: "GET", path: this.#path, repeat: "harmless" } as const;
    return valueIn(await this.#caller.send({ ...call, signal, timeoutMs }));
  }

  get #path(): string {
    return `v1/counters/${segmentOf(this.name)}`;
  }
}

function valueIn({ body }: { readonly body: unknown }): number {
  return (body as { value: number }).value;
}
