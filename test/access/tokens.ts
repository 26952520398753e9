// Keys of an issuer and what it signs with them, good or not: made with node:crypto alone, so that what verifies is not
// asked whether it is right.

import {
  constants,
  createHmac,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from "node:crypto";

type Json = Readonly<Record<string, unknown>>;

interface IssuerKey {
  readonly algorithm: string;
  readonly publicKey: KeyObject;
  /** The signature over a token's first two parts. */
  sign(input: string): Buffer;
}

const kinds = {
  RS256: { digest: "sha256", padding: constants.RSA_PKCS1_PADDING },
  PS256: {
    digest: "sha256",
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
  ES256: { digest: "sha256", dsaEncoding: "ieee-p1363" },
  ES384: { digest: "sha384", dsaEncoding: "ieee-p1363" },
  EdDSA: { digest: null },
} as const;

export function makeKey(algorithm: keyof typeof kinds): IssuerKey {
  const { publicKey, privateKey } = newPair(algorithm);
  const { digest, ...options } = kinds[algorithm];
  return {
    algorithm,
    publicKey,
    sign: (input) => sign(digest, Buffer.from(input), { key: privateKey, ...options }),
  };
}

function newPair(algorithm: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (algorithm === "ES384") return generateKeyPairSync("ec", { namedCurve: "P-384" });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}

/** One that signs with the text of a public key, as if it were a secret. */
export function hmacKey(secret: string): Pick<IssuerKey, "algorithm" | "sign"> {
  return { algorithm: "HS256", sign: (input) => createHmac("sha256", secret).update(input).digest() };
}

export function tokenBy(
  { algorithm, sign: signed }: Pick<IssuerKey, "algorithm" | "sign">,
  claims: unknown,
  header: Json = {},
) {
  const input = [{ alg: algorithm, typ: "JWT", ...header }, claims].map(encoded).join(".");
  return `${input}.${signed(input).toString("base64url")}`;
}

export function encoded(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

export function pem({ publicKey }: IssuerKey): string {
  return publicKey.export({ type: "spki", format: "pem" }) as string;
}

export function jwk({ publicKey }: IssuerKey, members: Json = {}): JsonWebKey {
  return { ...publicKey.export({ format: "jwk" }), ...members };
}
