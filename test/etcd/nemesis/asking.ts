// One client as it asks: any server, each request another one, with how far it has seen; and all that it was told. It never
// asks by itself again: what it makes of an answer that did not come is up to its caller.

import { Http, type RequestOptions } from "../../support/http.ts";
import { monotonicMs } from "../../trials/evidence.ts";
import type { Journal } from "./journal.ts";

/** What is not answered by then is unknown. */
const answerWithinMs = 800;
/** Refusals of a state of the servers, before anything is done. */
const passing = new Set(["throttled", "behind", "read_only", "suspended", "stopping"]);

export type Told = { readonly beganMs: number; readonly endedMs: number } & (
  | {
      readonly kind: "done";
      readonly status: number;
      readonly zxid: number;
      readonly body: Record<string, unknown>;
    }
  | { readonly kind: "refused"; readonly code: string; readonly zxid: number }
  | { readonly kind: "unknown" }
);

export class Asker {
  /** How far this client has seen. */
  seenZxid = 0;
  readonly name: string;
  readonly #https: readonly Http[];
  readonly #journal: Journal;
  readonly #chance: () => number;

  constructor(name: string, urls: readonly string[], journal: Journal, chance: () => number) {
    this.name = name;
    this.#https = urls.map((url) => new Http(url));
    this.#journal = journal;
    this.#chance = chance;
  }

  /** Any server. @param minZxid what the answer has to be from at least; as far as this client has seen */
  async ask(
    method: string,
    target: string,
    options: RequestOptions = {},
    minZxid = this.seenZxid,
  ): Promise<Told> {
    const server = Math.floor(this.#chance() * this.#https.length);
    const headers = { ...options.headers, "min-zxid": String(minZxid) };
    const beganMs = monotonicMs();
    try {
      const http = this.#https[server] as Http;
      const signal = AbortSignal.timeout(answerWithinMs);
      const response = await http.fetch(method, target, { ...options, headers }, signal);
      const text = await response.text();
      const endedMs = monotonicMs();
      const zxid = Number(response.headers.get("zxid") ?? 0);
      // Whoever says that it is not so far, or not here, says so from where it is.
      const asFarAs = response.status === 503 ? 0 : minZxid;
      this.#journal.noteAnswer({ beganMs, endedMs, server, minZxid: asFarAs, zxid });
      this.seenZxid = Math.max(this.seenZxid, zxid);
      const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
      if (response.ok) return { kind: "done", beganMs, endedMs, status: response.status, zxid, body };
      const code = String(body.code);
      // What is asked is well-formed, and no server may fail.
      if (response.status === 400 || response.status === 500)
        this.#journal.see(`${method} ${target} was answered ${text}`);
      const isSure = response.status < 500 ? response.status !== 408 : passing.has(code);
      if (isSure) return { kind: "refused", beganMs, endedMs, code, zxid };
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
    }
    return { kind: "unknown", beganMs, endedMs: monotonicMs() };
  }
}
