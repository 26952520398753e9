// Access tokens: who may ask at all. They are an admin's to make; a secret is told once, to whoever makes it.

import type { Call, Caller, CallOptions } from "../calls/calls.ts";
import { segmentOf } from "../calls/names.ts";

/** A token as it is told of: never with its secret. */
export interface AccessToken {
  readonly name: string;
  /** Who it is for, where a certificate or an issuer vouches for them, such as `cert:web`. */
  readonly identity?: string;
  readonly policies: readonly string[];
  /** What is `/` to it. */
  readonly root: string;
  /** When it ends, epoch milliseconds; absent for never. */
  readonly validUntilMs?: number;
  readonly madeAtMs: number;
  readonly madeZxid: number;
  /** How many secrets it can be shown by: two while one is being replaced. */
  readonly secrets: number;
}

export interface NewAccessToken extends AccessToken {
  /** Told this once: what a client is given as its `token`. */
  readonly secret: string;
}

export interface AccessTokenRequest {
  readonly name: string;
  /** Names of policies, which must be there. */
  readonly policies: readonly string[];
  /** What is to be `/` to it; it is made where it is missing. */
  readonly root?: string | undefined;
  readonly validUntilMs?: number | undefined;
}

export interface AccessTokenChanges {
  readonly policies?: readonly string[] | undefined;
  /** Null for no end. */
  readonly validUntilMs?: number | null | undefined;
}

export interface RotateOptions extends CallOptions {
  /** How long the secret before it is good beside the new one (0). */
  readonly overlapMs?: number | undefined;
}

const tokensPath = "v1/admin/tokens";

interface TokenPage {
  readonly tokens: readonly AccessToken[];
  readonly next?: string;
}

export class AccessTokens {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** All tokens, in order of their names. */
  async *list(options: CallOptions = {}): AsyncGenerator<AccessToken, void, undefined> {
    let after: string | undefined;
    do {
      const call = { method: "GET", path: tokensPath, query: { after }, repeat: "harmless" } as const;
      const page = await this.#send<TokenPage>(call, options);
      yield* page.tokens;
      after = page.next;
    } while (after !== undefined);
  }

  /** @throws RequestError `no_token` */
  get(name: string, options: CallOptions = {}): Promise<AccessToken> {
    return this.#send({ method: "GET", path: pathOf(name), repeat: "harmless" }, options);
  }

  /** Not sent again: where the answer was lost, so is the secret. `rotate` gives another. */
  create(token: AccessTokenRequest, options: CallOptions = {}): Promise<NewAccessToken> {
    return this.#send({ method: "POST", path: tokensPath, json: token, repeat: "never" }, options);
  }

  /** For somebody whom a certificate or an issuer vouches for, such as `cert:web`: it has no secret. */
  createFor(identity: string, token: AccessTokenRequest, options: CallOptions = {}): Promise<AccessToken> {
    const json = { ...token, identity };
    return this.#send({ method: "POST", path: tokensPath, json, repeat: "never" }, options);
  }

  /** Another secret for the same identity: its sessions, and what they hold, go on. Not sent again, as above. */
  rotate(name: string, { overlapMs, ...options }: RotateOptions = {}): Promise<NewAccessToken> {
    const call = {
      method: "POST",
      path: `${pathOf(name)}/rotate`,
      json: { overlapMs },
      repeat: "never",
    } as const;
    return this.#send(call, options);
  }

  change(name: string, changes: AccessTokenChanges, options: CallOptions = {}): Promise<AccessToken> {
    return this.#send({ method: "PATCH", path: pathOf(name), json: changes, repeat: "harmless" }, options);
  }

  /** Whatever is ordered behind it is refused to the token. @throws RequestError `no_token` */
  async revoke(name: string, options: CallOptions = {}): Promise<void> {
    await this.#send({ method: "DELETE", path: pathOf(name), repeat: "never" }, options);
  }

  async #send<T>(call: Call, { signal, timeoutMs }: CallOptions): Promise<T> {
    return (await this.#caller.send({ ...call, signal, timeoutMs })).body as T;
  }
}

function pathOf(name: string): string {
  return `${tokensPath}/${segmentOf(name)}`;
}
