// Tokens of an issuer outside (JWT, RFC 7519), by the public keys that a file has. The file is followed: issuers change
// their keys, and nobody is to restart for it. A file that is of no use never means that anyone is let in.

import type { Clock } from "../clock.ts";
import { FollowedFiles, messageOf } from "../followed-files.ts";
import type { Identity } from "./identity.ts";
import { type ExpectedClaims, JwtVerifier } from "./jwt-verifier.ts";
import { publicKeysIn } from "./public-keys.ts";

interface JwtKeysListener {
  /** Tokens are verified against these from here on, and nothing that was found with the old ones is remembered. */
  onRenewed(keys: readonly string[]): void;
  /** The old keys stay in force. Once for each state of the file. */
  onRefused(reason: string): void;
}

export class JwtKeys {
  readonly #verifiers: FollowedFiles<JwtVerifier>;

  private constructor(verifiers: FollowedFiles<JwtVerifier>) {
    this.#verifiers = verifiers;
  }

  /** @throws Error with a sentence, when the file cannot be read or has no key that can be used */
  static async read(file: string, expected: ExpectedClaims, clock: Clock): Promise<JwtKeys> {
    const verifierOf = async ([content]: readonly Buffer[]) =>
      new JwtVerifier(await publicKeysIn(content as Buffer), expected, clock);
    try {
      return new JwtKeys(await FollowedFiles.read([file], verifierOf));
    } catch (error) {
      throw new Error(`The file of JWT keys ${file} is of no use: ${messageOf(error)}`);
    }
  }

  /** @throws TokenRefusedError for a token that proves nothing; KeeperError `throttled` when there are too many to check */
  async verify(token: string): Promise<Identity> {
    return await this.#verifiers.meaning.verify(token);
  }

  /** Looks at the file now and then from here on. */
  follow({ onRenewed, onRefused }: JwtKeysListener): void {
    this.#verifiers.follow({ onRenewed: ({ keyNames }) => onRenewed(keyNames), onRefused });
  }

  /** Looks now. */
  async look(): Promise<void> {
    await this.#verifiers.look();
  }

  stop(): void {
    this.#verifiers.stop();
  }
}
