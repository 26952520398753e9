// Verifies tokens against the keys of one file as it is. What was found of a token is kept, so that a caller costs one
// signature and not one for each request; by the token's hash, since whoever reads this memory should find no tokens. Other
// keys are another verifier's, and nothing that was found with the old ones is true of them.

import { hash } from "node:crypto";
import type { JWTPayload } from "jose";
import { decodeProtectedHeader } from "jose/decode/protected_header";
import { JOSEError, JWSSignatureVerificationFailed, JWTClaimValidationFailed, JWTExpired } from "jose/errors";
import { jwtVerify } from "jose/jwt/verify";
import type { Clock } from "../clock.ts";
import { KeeperError } from "../core/errors.ts";
import { ExpiringMemo } from "./expiring-memo.ts";
import type { Identity } from "./identity.ts";
import { identityIn, leewaySeconds } from "./jwt-claims.ts";
import type { PublicKey } from "./public-keys.ts";
import { TokenRefusedError } from "./token-refused-error.ts";

/** What tokens must say; nothing of it is asked for when empty. */
export interface ExpectedClaims {
  readonly issuer: string;
  readonly audience: string;
}

const tokenLengthMax = 8192;
const tokenForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Keys that are tried for a token that does not say which one it was signed with. */
const keysTriedMax = 4;

/** Tokens that are being checked. Each has work for another thread; whoever sends bad ones is not to pile that up. */
const checksMax = 1000;

/** Good tokens are kept apart: nobody can make the service forget them by sending bad ones. */
const acceptedMax = 10_000;
const refusedMax = 1000;
const refusedMs = 60_000;

export class JwtVerifier {
  readonly #keys: readonly PublicKey[];
  readonly #expected: ExpectedClaims;
  readonly #clock: Clock;
  readonly #accepted: ExpiringMemo<Identity>;
  readonly #refused: ExpiringMemo<TokenRefusedError>;
  readonly #checks = new Map<string, Promise<Identity>>();

  constructor(keys: readonly PublicKey[], expected: ExpectedClaims, clock: Clock) {
    this.#keys = keys;
    this.#expected = expected;
    this.#clock = clock;
    this.#accepted = new ExpiringMemo(acceptedMax, clock);
    this.#refused = new ExpiringMemo(refusedMax, clock);
  }

  /** What tokens may be signed with. */
  get keyNames(): string[] {
    return this.#keys.map(({ kid, algorithm }) => (kid === null ? algorithm : `${kid} (${algorithm})`));
  }

  /** @throws TokenRefusedError for a token that proves nothing; KeeperError `throttled` when there are too many to check */
  async verify(token: string): Promise<Identity> {
    if (token.length > tokenLengthMax)
      throw new TokenRefusedError(`it has more than ${tokenLengthMax} characters`);
    if (!tokenForm.test(token)) throw new TokenRefusedError("it is not of the form of a signed JWT");
    const name = hash("sha256", token, "base64url");
    const identity = this.#accepted.get(name);
    if (identity !== undefined) return identity;
    const refusal = this.#refused.get(name);
    if (refusal !== undefined) throw refusal;
    return await (this.#checks.get(name) ?? this.#beginCheck(name, token));
  }

  /** Requests that come at once with one token wait for one check. */
  #beginCheck(name: string, token: string): Promise<Identity> {
    if (this.#checks.size >= checksMax) {
      const message = `The server checks ${checksMax} tokens and takes no more now; nothing was done.`;
      throw new KeeperError("throttled", message, { retryAfterSeconds: 1 });
    }
    const check = this.#check(name, token).finally(() => this.#checks.delete(name));
    this.#checks.set(name, check);
    return check;
  }

  async #check(name: string, token: string): Promise<Identity> {
    try {
      const identity = identityIn(await this.#claimsOf(token), this.#clock.wallMs());
      this.#accepted.set(name, identity, identity.validUntilMs as number);
      return identity;
    } catch (error) {
      if (error instanceof TokenRefusedError && !error.endsWithTime)
        this.#refused.set(name, error, this.#clock.wallMs() + refusedMs);
      throw error;
    }
  }

  async #claimsOf(token: string): Promise<JWTPayload> {
    for (const key of this.#keysFor(token)) {
      const claims = await this.#claimsBy(key, token);
      if (claims !== null) return claims;
    }
    throw new TokenRefusedError("its signature is of no key that it may be signed with");
  }

  /** What the token carries along, such as a key of its own or an address of keys, is not looked at. */
  #keysFor(token: string): PublicKey[] {
    const { alg, kid } = headerOf(token);
    const ofAlgorithm = this.#keys.filter(({ algorithm }) => algorithm === alg);
    if (ofAlgorithm.length === 0)
      throw new TokenRefusedError("its algorithm is none of those that the keys are for");
    const named = kid === undefined ? [] : ofAlgorithm.filter((key) => key.kid === kid);
    const unnamed = kid === undefined ? ofAlgorithm : ofAlgorithm.filter((key) => key.kid === null);
    const fitting = named.length > 0 ? named : unnamed;
    if (fitting.length === 0) throw new TokenRefusedError("its kid is of none of the keys");
    if (fitting.length > keysTriedMax)
      throw new TokenRefusedError(`more than ${keysTriedMax} keys would have to be tried for it`);
    return fitting;
  }

  /** Null when it was not signed with this key. */
  async #claimsBy({ key, algorithm }: PublicKey, token: string): Promise<JWTPayload | null> {
    const { issuer, audience } = this.#expected;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        ...(issuer !== "" && { issuer }),
        ...(audience !== "" && { audience }),
        clockTolerance: leewaySeconds,
        currentDate: new Date(this.#clock.wallMs()),
      });
      return payload;
    } catch (error) {
      if (error instanceof JWSSignatureVerificationFailed) return null;
      throw refusalFor(error);
    }
  }
}

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new TokenRefusedError("its header is not JSON");
  }
}

/** In our words: the library's may have pieces of the token in them. What is no fault of the token's is a bug. */
function refusalFor(error: unknown): unknown {
  if (error instanceof JWTExpired) return new TokenRefusedError("it has expired");
  if (error instanceof JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (claim === "nbf" && reason === "check_failed")
      return new TokenRefusedError("its nbf is in the future", { endsWithTime: true });
    return new TokenRefusedError(
      `its ${claim} is ${reason === "missing" ? "missing" : "not one that is taken"}`,
    );
  }
  return error instanceof JOSEError ? new TokenRefusedError("it is malformed") : error;
}
