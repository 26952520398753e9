// A token's secret: shown once, when it is made; what is kept and compared is its hash.

import { hash, randomBytes } from "node:crypto";

const secretBytes = 32;

/** 256 random bits behind a mark by which people and scanners know what they have found. */
export function newSecret(): string {
  return `tk_${randomBytes(secretBytes).toString("base64url")}`;
}

/** SHA-256, hex. It is random enough to need neither salt nor a slow hash. */
export function hashSecret(secret: string): string {
  return hash("sha256", secret, "hex");
}
