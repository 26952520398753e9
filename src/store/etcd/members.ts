// Which member of etcd is asked, and when it is left for the next one. Of several who fail at one member the first one leaves
// it: were each to go on by one, they could come round to it again. What others still wait for there is as good as lost.

import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { type UnaryCalls, unaryCalls } from "./grpc-calls.ts";
import { serviceNamed } from "./messages.ts";

/** PEM: whose certificates are taken, and our own. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Member {
  readonly endpoint: string;
  /** Of those who wait for its answer. */
  readonly lettingGo: Set<(error: unknown) => void>;
  readonly connections: Http2SessionManager;
  readonly kv: UnaryCalls;
  readonly maintenance: UnaryCalls;
  readonly auth: UnaryCalls;
}

const pings = { pingIntervalMs: 10_000, pingTimeoutMs: 3000 };

export class Members {
  readonly all: readonly Member[];
  readonly #isOfTheRequest: (error: unknown) => boolean;
  #current = 0;

  /** @param isOfTheRequest whether another member would say the same of it */
  constructor(
    endpoints: readonly string[],
    tls: Tls | undefined,
    isOfTheRequest: (error: unknown) => boolean,
  ) {
    this.#isOfTheRequest = isOfTheRequest;
    if (endpoints.length === 0) throw new Error("etcd needs at least one endpoint");
    this.all = endpoints.map((endpoint) => memberAt(endpoint, tls));
  }

  get #member(): Member {
    return this.all[this.#current] as Member;
  }

  /** One answer of the member whose turn it is. @throws ConnectError also when others have left it meanwhile */
  async ask<T>(ask: (member: Member) => Promise<T>): Promise<T> {
    const member = this.#member;
    try {
      return await untilLeft(member, () => ask(member));
    } catch (error) {
      this.#failed(member, error);
      throw error;
    }
  }

  /** What the member says until the signal, which ends without a complaint, or until it is left. @throws ConnectError */
  async *listen<T>(
    talk: (member: Member, signal: AbortSignal) => AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const member = this.#member;
    const left = new AbortController();
    const letGo = () => left.abort();
    member.lettingGo.add(letGo);
    try {
      yield* talk(member, AbortSignal.any([signal, left.signal]));
    } catch (error) {
      if (!signal.aborted) this.#failed(member, error);
      throw error;
    } finally {
      member.lettingGo.delete(letGo);
    }
  }

  /** Whoever asks next asks another member; where there is one alone, nothing is gained by letting the others go. */
  #failed(member: Member, error: unknown): void {
    if (this.all.length === 1 || member !== this.#member || this.#isOfTheRequest(error)) return;
    this.#current = (this.#current + 1) % this.all.length;
    const { rawMessage } = ConnectError.from(error);
    const left = new ConnectError(`${member.endpoint} was left: ${rawMessage}`, Code.Unavailable);
    for (const letGo of [...member.lettingGo]) letGo(left);
  }
}

function memberAt(endpoint: string, tls: Tls | undefined): Member {
  const connections = new Http2SessionManager(endpoint, pings, tls);
  const calls = (service: string) => unaryCalls(serviceNamed(service), connections);
  const services = { kv: calls("KV"), maintenance: calls("Maintenance"), auth: calls("Auth") };
  return { endpoint, lettingGo: new Set(), connections, ...services };
}

/** The answer, unless its member is left before it comes. */
function untilLeft<T>({ lettingGo }: Member, ask: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    lettingGo.add(reject);
    ask()
      .then(resolve, reject)
      .finally(() => lettingGo.delete(reject));
  });
}
