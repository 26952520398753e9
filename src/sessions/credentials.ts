// How a session is named and how its owner proves to be the owner. A token is known to its owner alone: what is
// kept and compared is its hash, so neither a stolen file nor the time of a comparison gives one away (N4).

import { createHmac, hash, randomBytes } from "node:crypto";

const tokenBytes = 32;

/** 16 hex digits of a random positive 63-bit number; 0 would read as "no owner" to a user of ZooKeeper (N3). */
export function newSessionId(randomEightBytes: () => Buffer = () => randomBytes(8)): string {
  let id = 0n;
  while (id === 0n) id = randomEightBytes().readBigUInt64BE() >> 1n;
  return id.toString(16).padStart(16, "0");
}

export function newToken(): string {
  return randomBytes(tokenBytes).toString("base64url");
}

/** What makes a token together with an Idempotency-Key; kept, so it must not be enough without the key (N4). */
export function newTokenNonce(): string {
  return randomBytes(tokenBytes).toString("base64url");
}

/** The same token each time, for who knows the key; as random as any to everyone else. */
export function tokenFrom(tokenNonce: string, idempotencyKey: string): string {
  return createHmac("sha256", Buffer.from(tokenNonce, "base64url"))
    .update(idempotencyKey)
    .digest("base64url");
}

/** SHA-256, hex. The token has 256 random bits, so it needs neither salt nor a slow hash. */
export function hashToken(token: string): string {
  return hash("sha256", token, "hex");
}
