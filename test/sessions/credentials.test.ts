import { describe, expect, test } from "vitest";
import {
  hashToken,
  newSessionId,
  newToken,
  newTokenNonce,
  tokenFrom,
} from "../../src/sessions/credentials.ts";

describe("session ids", () => {
  test("are 16 lowercase hex digits of a positive 63-bit number, and all different [N3]", () => {
    const ids = new Set<string>();
    for (let count = 0; count < 10_000; count += 1) {
      const id = newSessionId();
      expect(id).toMatch(/^[0-7][0-9a-f]{15}$/);
      ids.add(id);
    }
    expect(ids.size).toBe(10_000);
  });

  test("are never 0, whatever chance gives [N3]", () => {
    const draws = ["0000000000000000", "0000000000000001", "0000000000000002"];
    const draw = () => Buffer.from(draws.shift() as string, "hex");
    expect(newSessionId(draw)).toBe("0000000000000001");
  });

  test("do not reach the sign bit [N3]", () => {
    expect(newSessionId(() => Buffer.alloc(8, 0xff))).toBe("7fffffffffffffff");
  });
});

describe("session tokens", () => {
  test("are 32 random bytes that fit into a header as they are [N4]", () => {
    const token = newToken();
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(Buffer.from(token, "base64url").byteLength).toBe(32);
    expect(newToken()).not.toBe(token);
  });

  test("made of a nonce and a key are the same each time, and like any other to who lacks either [N4]", () => {
    const nonce = newTokenNonce();
    const token = tokenFrom(nonce, "key");
    expect(token).toBe(tokenFrom(nonce, "key"));
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const others = [tokenFrom(nonce, "kez"), tokenFrom(newTokenNonce(), "key"), tokenFrom("", "key")];
    expect(new Set([token, ...others]).size).toBe(4);
  });

  test("are kept as their SHA-256 [N4]", () => {
    expect(hashToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
