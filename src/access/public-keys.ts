// The keys that tokens may be signed with, as a file has them: public keys in PEM, a JWK, or a set of JWKs. A file with a
// secret in it is refused: whoever reads it could make tokens, and an HMAC's key has no public half.

import { createPublicKey } from "node:crypto";
import type { CryptoKey, JWK } from "jose";
import { importJWK } from "jose/key/import";
import { publicPemBlocksIn } from "../pem.ts";

/** Only such as have a private half. What a token says of its algorithm is compared with its key's and never believed. */
type Algorithm = "RS256" | "PS256" | "ES256" | "ES384" | "EdDSA";

/** A key with one algorithm it is for: a key of RSA may be there twice. */
export interface PublicKey {
  /** What tokens call it; null when the file does not say. */
  readonly kid: string | null;
  readonly algorithm: Algorithm;
  readonly key: CryptoKey;
}

const keysMax = 32;

/** Bytes of an RSA modulus: 2048 bits. */
const modulusBytesMin = 256;

/** @throws Error saying what is wrong with the file, with nothing of its contents */
export async function publicKeysIn(content: Buffer): Promise<PublicKey[]> {
  const text = content.toString("utf8").trim();
  const jwks = text.startsWith("{") ? jwksIn(text) : pemKeysIn(text);
  if (jwks.length > keysMax) throw new Error(`it has more than ${keysMax} keys`);
  const keys = await Promise.all(jwks.map(importedKeys));
  const usable = keys.flat();
  if (usable.length > 0) return usable;
  const kinds = "RSA of at least 2048 bits, P-256, P-384 or Ed25519";
  throw new Error(`it has no public key for signatures that can be used: ${kinds}`);
}

function jwksIn(text: string): JWK[] {
  const document = parsed(text);
  const jwks: unknown = Object.hasOwn(document, "keys") ? (document as { keys: unknown }).keys : [document];
  if (!Array.isArray(jwks) || !jwks.every(isObject)) throw new Error('its "keys" are not a list of keys');
  if (jwks.some(hasSecret)) throw new Error("it has a private or secret key, which does not belong there");
  return jwks;
}

/** What Node says of a mistake would show a piece of the file. */
function parsed(text: string): object {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it begins like JSON and is none");
  }
}

function isObject(value: unknown): value is JWK {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Members that hold what must not be known, by whichever kind of key. */
const secretMembers = ["d", "k", "priv"];

function hasSecret(jwk: JWK): boolean {
  return secretMembers.some((member) => Object.hasOwn(jwk, member));
}

function pemKeysIn(text: string): JWK[] {
  const blocks = publicPemBlocksIn(text);
  if (blocks.length === 0) throw new Error("it is neither PEM nor JSON");
  return blocks.map(({ text: block }, index) => {
    try {
      return createPublicKey(block).export({ format: "jwk" }) as JWK;
    } catch {
      throw new Error(`PEM block ${index + 1} in it is no public key of a kind that can be used`);
    }
  });
}

/** None when it is for something else: a set may have keys of kinds that its reader does not know (RFC 7517, 5). */
async function importedKeys(jwk: JWK, index: number): Promise<PublicKey[]> {
  const { kty, n, e, crv, x, y, kid, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== "sig") return [];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return [];
  const publicPart = Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, part]) => part));
  try {
    return await Promise.all(
      algorithmsFor(jwk).map(async (algorithm) => ({
        kid: typeof kid === "string" ? kid : null,
        algorithm,
        key: (await importJWK(publicPart, algorithm)) as CryptoKey,
      })),
    );
  } catch {
    throw new Error(`key ${index + 1} in it is malformed`);
  }
}

function algorithmsFor({ kty, crv, n, alg }: JWK): Algorithm[] {
  if (kty === "RSA" && Buffer.from(String(n), "base64url").length < modulusBytesMin) return [];
  const fitting = algorithmsOfKind[kty === "RSA" ? kty : `${kty} ${crv}`] ?? [];
  return fitting.filter((algorithm) => alg === undefined || alg === algorithm);
}

const algorithmsOfKind: Readonly<Record<string, readonly Algorithm[]>> = {
  RSA: ["RS256", "PS256"],
  "EC P-256": ["ES256"],
  "EC P-384": ["ES384"],
  "OKP Ed25519": ["EdDSA"],
};
