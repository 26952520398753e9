// The server that this one follows, or several of one cluster: where it is, and how it is asked.
// Whoever does not answer makes room for the next address.

import { readFileSync } from "node:fs";
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";
import type { Stamp } from "../recent-entries.ts";
import { tokenIn } from "./follow-token.ts";
import { type Frame, FrameReader, type Tail, tailOf } from "./frames.ts";
import { FinalError, refusalIn } from "./refusals.ts";

/** Names of files are empty where there are none. */
export interface UpstreamSettings {
  /** Comma-separated. */
  readonly follow: string;
  readonly followTokenFile: string;
  readonly followCa: string;
}

/** A backup as it is sent. */
export interface SentBackup {
  readonly bytes: number;
  /** In base64. */
  readonly sha256: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Within which a connection is there. */
export const connectMsMax = 5000;
/** Nothing may come for so long where somebody is expected to say something each second. */
const silentMsMax = 5000;
/** A copy is made before the first byte of a backup is sent. */
const backupSilentMsMax = 600_000;
/** Of connections that are kept for the next request. */
const idleConnectionsMax = 64;

const undigested =
  "The backup of the server that is followed does not say how long it is and what its digest is: something on the way leaves " +
  "out Content-Length or Repr-Digest. Follow the server itself, or have them passed on.";

interface Asked {
  readonly silentMs: number;
  readonly signal: AbortSignal | undefined;
}

export class Upstream {
  readonly #urls: readonly URL[];
  readonly #authorization: string | null;
  readonly #agent: HttpAgent;
  #at = 0;

  /** @throws Error for a file that cannot be read, or that others can */
  constructor({ follow, followTokenFile, followCa }: UpstreamSettings) {
    this.#urls = follow.split(",").map((url) => new URL(url));
    this.#authorization = followTokenFile === "" ? null : `Bearer ${tokenIn(followTokenFile)}`;
    const kept = { keepAlive: true, maxFreeSockets: idleConnectionsMax };
    this.#agent = this.#isSecure
      ? new HttpsAgent({ ...kept, ...(followCa !== "" && { ca: readFileSync(followCa) }) })
      : new HttpAgent(kept);
  }

  get #isSecure(): boolean {
    return this.#urls[0]?.protocol === "https:";
  }

  /** That which is asked now. */
  get url(): URL {
    return this.#urls[this.#at % this.#urls.length] as URL;
  }

  get urls(): readonly URL[] {
    return this.#urls;
  }

  /** The next one is asked from here on, unless another is asked by now than did not answer. */
  moveOn(from: URL): void {
    if (from === this.url) this.#at += 1;
  }

  /** A request as it is; whoever makes it sees to its end. Nothing is added that says who asks. */
  request(path: string, options: RequestOptions): ClientRequest {
    const { hostname, port, protocol } = this.url;
    const request = this.#isSecure ? requestHttps : requestHttp;
    const host = hostname.replace(/^\[|\]$/g, "");
    return request({ ...options, host, port: port || undefined, protocol, path, agent: this.#agent });
  }

  /** Where its log ends now. @throws UpstreamRefusal, or whatever befell it on the way */
  async end(signal?: AbortSignal): Promise<Tail> {
    const answer = await this.#ask("/v1/admin/log/end", { silentMs: silentMsMax, signal });
    return tailOf(JSON.parse(await text(answer)));
  }

  /** Frames as they come, those of one piece together, until somebody ends it. @throws the same */
  async *frames(from: Stamp | Pick<Stamp, "lsn">, signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    const answer = await this.#ask(`/v1/admin/log?${queryOf(from)}`, { silentMs: silentMsMax, signal });
    const reader = new FrameReader();
    for await (const piece of answer as AsyncIterable<Uint8Array>) {
      const frames = reader.take(piece);
      if (frames.length > 0) yield frames;
    }
  }

  /** @throws the same */
  async backup(signal: AbortSignal): Promise<SentBackup> {
    const answer = await this.#ask("/v1/admin/backup", { silentMs: backupSilentMsMax, signal });
    const bytes = Number(answer.headers["content-length"]);
    if (!Number.isSafeInteger(bytes)) throw new FinalError(undigested);
    const [, sha256] = /sha-256=:([^:]+):/.exec(String(answer.headers["repr-digest"])) ?? [];
    if (sha256 === undefined) throw new FinalError(undigested);
    return { bytes, sha256, pieces: answer };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(path: string, { silentMs, signal }: Asked): Promise<IncomingMessage> {
    const headers = {
      Accept: "*/*",
      ...(this.#authorization !== null && { Authorization: this.#authorization }),
    };
    const { origin } = this.url;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.request(path, { headers, ...(signal !== undefined && { signal }) });
      const giveUp = () => request.destroy(new Error(`${origin} does not answer`));
      request.setTimeout(silentMs, giveUp);
      // That one begins with the connection, and a host may say nothing before.
      let late = setTimeout(giveUp, connectMsMax);
      onceConnected(request, () => {
        clearTimeout(late);
        late = setTimeout(giveUp, silentMs);
      });
      request.once("close", () => clearTimeout(late));
      request.once("response", (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      request.once("error", reject).end();
    });
    if (answer.statusCode === 200) return answer;
    throw await refusalIn(answer);
  }
}

/** Calls back when anything that is sent may arrive. */
export function onceConnected(request: ClientRequest, onConnected: () => void): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) onConnected();
    else socket.once("encrypted" in socket ? "secureConnect" : "connect", onConnected);
  });
}

function queryOf(from: Stamp | Pick<Stamp, "lsn">): string {
  const query = new URLSearchParams({ after: String(from.lsn) });
  if (!("zxid" in from)) return query.toString();
  query.set("zxid", String(from.zxid));
  query.set("epoch", from.epoch);
  if (from.author !== null) {
    query.set("writer", from.author.writer);
    query.set("seq", String(from.author.seq));
  }
  return query.toString();
}
