// Tokens of an issuer: which prove who somebody is, and that no other proves anything.

import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { JwtKeys } from "../../src/access/jwt-keys.ts";
import { TokenRefusedError } from "../../src/access/token-refused-error.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { encoded, hmacKey, jwk, makeKey, pem, tokenBy } from "./tokens.ts";

const rsa = makeKey("RS256");
const key = makeKey("ES256");
const stranger = makeKey("ES256");
const nowSeconds = 1_700_000_000;
const hour = 3600;

/** What an issuer says of Alice. */
const alice = {
  sub: "alice",
  iss: "https://issuer.example",
  aud: "treekeeper",
  iat: nowSeconds,
  exp: nowSeconds + hour,
};
const issuer = alice.iss;
const audience = alice.aud;

interface Fixture {
  clock: FakeClock;
  /** The path of the file of keys. */
  file: string;
  read(content: unknown, expected?: { issuer?: string; audience?: string }): Promise<JwtKeys>;
}

const test = base.extend<Fixture>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  clock: async ({}, use) => await use(new FakeClock(nowSeconds * 1000)),
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures a fixture needs from this pattern
  file: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "treekeeper-"));
    await use(join(folder, "keys"));
    rmSync(folder, { recursive: true });
  },
  read: async ({ clock, file }, use) =>
    await use(async (content, expected) => {
      write(file, content);
      return await JwtKeys.read(file, { issuer: "", audience: "", ...expected }, clock);
    }),
});

function write(file: string, content: unknown): void {
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
}

/** Why it is refused. */
async function refusalOf(keys: JwtKeys, token: string): Promise<string> {
  const error = await keys.verify(token).then(
    () => expect.fail("it was taken"),
    (refusal) => refusal,
  );
  expect(error).toBeInstanceOf(TokenRefusedError);
  for (const part of token.split(".")) if (part.length > 4) expect(error.message).not.toContain(part);
  return error.message;
}

test("a token of the issuer says who its bearer is, whichever kind of key it is signed with", async ({
  read,
}) => {
  const keys = {
    RS256: rsa,
    PS256: makeKey("PS256"),
    ES256: key,
    ES384: makeKey("ES384"),
    EdDSA: makeKey("EdDSA"),
  };
  const set = Object.entries(keys).map(([kid, one]) => jwk(one, { kid }));
  const ofSet = await read({ keys: set }, { issuer, audience });
  for (const [kid, one] of Object.entries(keys)) {
    const named = tokenBy(one, alice, { kid });
    const identity = {
      id: "jwt:alice",
      policies: null,
      root: "/",
      validUntilMs: (nowSeconds + hour) * 1000,
    };
    expect(await ofSet.verify(named)).toEqual(identity);
    for (const content of [pem(one), jwk(one), jwk(one, { kid, use: "sig", alg: kid, key_ops: ["verify"] })])
      expect(await (await read(content)).verify(named)).toEqual(identity);
    expect(await ofSet.verify(tokenBy(one, alice))).toEqual(identity);
  }
});

test("an issuer may grant policies and a root", async ({ read }) => {
  const keys = await read(pem(key));
  const granted = async (treekeeper: unknown) => {
    const { policies, root } = await keys.verify(tokenBy(key, { ...alice, treekeeper }));
    return { policies, root };
  };
  expect(await granted({ policies: ["read-all", "team:a"] })).toEqual({
    policies: ["read-all", "team:a"],
    root: "/",
  });
  expect(await granted({ policies: [], root: "/teams/ä" })).toEqual({ policies: [], root: "/teams/ä" });
});

test("a token is taken by its audience among others, and its issuer", async ({ read }) => {
  const keys = await read(pem(key), { issuer, audience });
  const both = tokenBy(key, { ...alice, aud: ["other", audience] });
  expect(await keys.verify(both)).toMatchObject({ id: "jwt:alice" });
  const open = await read(pem(key));
  const { aud: _, iss: _iss, iat: _iat, ...bare } = alice;
  expect(await open.verify(tokenBy(key, bare))).toMatchObject({ id: "jwt:alice" });
});

const noAlgorithm = "its algorithm is none of those that the keys are for";
const noSignature = "its signature is of no key that it may be signed with";
const noForm = "it is not of the form of a signed JWT";
const noSub = "its sub is not 1 to 255 printable ASCII characters";

/** Each is one that somebody might hope gets in. */
const refused: Record<string, readonly [token: string, reason: string]> = {
  nothing: ["", noForm],
  garbage: ["garbage", noForm],
  "three parts of garbage": ["a.b.c", "its header is not JSON"],
  "a header that is a list": [`${encoded([])}.${encoded(alice)}.AAAA`, "its header is not JSON"],
  "not signed": [`${encoded({ alg: "none" })}.${encoded(alice)}.`, noForm],
  "not signed, with a signature": [`${encoded({ alg: "none" })}.${encoded(alice)}.AAAA`, noAlgorithm],
  "not signed, in capitals": [tokenBy({ ...key, algorithm: "NONE" }, alice), noAlgorithm],
  "without an algorithm": [`${encoded({})}.${encoded(alice)}.AAAA`, noAlgorithm],
  "with an algorithm that is a list": [tokenBy(key, alice, { alg: ["ES256"] }), noAlgorithm],
  "signed with the public key as a secret": [tokenBy(hmacKey(pem(key)), alice, { kid: "k" }), noAlgorithm],
  "signed with the same as DER": [
    tokenBy(hmacKey(key.publicKey.export({ type: "spki", format: "der" }).toString("latin1")), alice),
    noAlgorithm,
  ],
  "of another kind of key": [tokenBy(rsa, alice), noAlgorithm],
  "of a stranger": [tokenBy(stranger, alice, { kid: "k" }), noSignature],
  "of a stranger, without a kid": [tokenBy(stranger, alice), noSignature],
  "of a stranger with the key in the header": [tokenBy(stranger, alice, { jwk: jwk(stranger) }), noSignature],
  "of a stranger with an address of keys": [
    tokenBy(stranger, alice, { jku: "https://stranger.example/keys" }),
    noSignature,
  ],
  "of a key that is unknown": [tokenBy(key, alice, { kid: "other" }), "its kid is of none of the keys"],
  "of a key whose name is none": [tokenBy(key, alice, { kid: 1 }), "its kid is of none of the keys"],
  "with an extension": [tokenBy(key, alice, { crit: ["x"], x: 1 }), "it is malformed"],
  "not encoded": [tokenBy(key, alice, { crit: ["b64"], b64: false }), "it is malformed"],
  "of text": [tokenBy(key, "alice"), "it is malformed"],
  "of a list": [tokenBy(key, [alice]), "it is malformed"],
  "too long": [tokenBy(key, { ...alice, more: "x".repeat(8192) }), "it has more than 8192 characters"],
  expired: [tokenBy(key, { ...alice, iat: nowSeconds - hour, exp: nowSeconds }), "it has expired"],
  "expired long ago": [tokenBy(key, { ...alice, iat: nowSeconds - 9 * hour, exp: 1000 }), "it has expired"],
  "without an end": [tokenBy(key, { ...alice, exp: undefined }), "it has no exp"],
  "with an end that is text": [tokenBy(key, { ...alice, exp: "2099" }), "its exp is not one that is taken"],
  "with an end that is never": [
    tokenBy(key, JSON.stringify(alice).replace(`${alice.exp}`, "1e999")),
    "it holds for more than 24 hours",
  ],
  "of more than a day": [
    tokenBy(key, { ...alice, iat: nowSeconds - hour, exp: nowSeconds + 23 * hour + 1 }),
    "it holds for more than 24 hours",
  ],
  "of more than a day from nbf": [
    tokenBy(key, { ...alice, iat: undefined, nbf: nowSeconds - hour, exp: nowSeconds + 23 * hour + 1 }),
    "it holds for more than 24 hours",
  ],
  "of more than a day from now": [
    tokenBy(key, { ...alice, iat: undefined, exp: nowSeconds + 24 * hour + 1 }),
    "it holds for more than 24 hours",
  ],
  "not valid yet": [tokenBy(key, { ...alice, nbf: nowSeconds + 31 }), "its nbf is in the future"],
  "issued in the future": [tokenBy(key, { ...alice, iat: nowSeconds + 31 }), "its iat is in the future"],
  "issued at no time": [tokenBy(key, { ...alice, iat: "now" }), "its iat is not one that is taken"],
  "of another issuer": [tokenBy(key, { ...alice, iss: `${issuer}/` }), "its iss is not one that is taken"],
  "of no issuer": [tokenBy(key, { ...alice, iss: undefined }), "its iss is missing"],
  "for somebody else": [tokenBy(key, { ...alice, aud: "other" }), "its aud is not one that is taken"],
  "for nobody": [tokenBy(key, { ...alice, aud: undefined }), "its aud is missing"],
  "for an empty list": [tokenBy(key, { ...alice, aud: [] }), "its aud is not one that is taken"],
  "of nobody": [tokenBy(key, { ...alice, sub: undefined }), noSub],
  "of an empty name": [tokenBy(key, { ...alice, sub: "" }), noSub],
  "of a name that is a number": [tokenBy(key, { ...alice, sub: 1 }), noSub],
  "of a name without end": [tokenBy(key, { ...alice, sub: "n".repeat(256) }), noSub],
  "of a name of two lines": [tokenBy(key, { ...alice, sub: "alice\nbob" }), noSub],
  "of a name like another": [tokenBy(key, { ...alice, sub: "аlice" }), noSub],
  "of a name with a space behind it": [tokenBy(key, { ...alice, sub: "alice " }), noSub],
  ...Object.fromEntries(
    [
      null,
      "admin",
      ["admin"],
      {},
      { root: "/a" },
      { policies: "admin" },
      { policies: [1] },
      { policies: [""] },
      { policies: ["two words"] },
      { policies: ["n".repeat(256)] },
      { policies: Array.from({ length: 33 }, () => "p") },
      { policies: [], root: "a" },
      { policies: [], root: "/a/../b" },
      { policies: [], root: null },
      { policies: [], root: `/${"n".repeat(4096)}` },
      { policies: [], namespace: "/a" },
    ].map((treekeeper) => [
      `granting ${JSON.stringify(treekeeper).slice(0, 60)}`,
      [tokenBy(key, { ...alice, treekeeper }), ""],
    ]),
  ),
};

test("no other token proves anything, and only the log is told why", async ({ read }) => {
  const keys = await read({ keys: [jwk(key, { kid: "k" })] }, { issuer, audience });
  for (const [kind, [token, reason]] of Object.entries(refused)) {
    const said = await refusalOf(keys, token);
    expect(said, kind).toContain(reason);
    if (kind.startsWith("granting")) expect(said, kind).toMatch(/^its (claim treekeeper|policies|root) /);
  }
  expect(await keys.verify(tokenBy(key, alice))).toMatchObject({ id: "jwt:alice" });
});

test("each character of a token counts", async ({ read }) => {
  const keys = await read(pem(key));
  const token = tokenBy(key, alice);
  // The last one has bits that mean nothing.
  for (const [index, character] of [...token].slice(0, -1).entries()) {
    const other = `${token.slice(0, index)}${character === "A" ? "B" : "A"}${token.slice(index + 1)}`;
    await refusalOf(keys, other);
  }
  expect(await keys.verify(token)).toMatchObject({ id: "jwt:alice" });
});

test("a key is for what its file says it is for", async ({ read }) => {
  const set = [
    jwk(key, { kid: "encryption", use: "enc" }),
    jwk(key, { kid: "signing", key_ops: ["sign"] }),
    jwk(rsa, { kid: "pss", alg: "PS256" }),
    { kty: "EC", crv: "secp256k1", x: "AA", y: "AA", kid: "other" },
    { kty: "quantum", kid: "unknown" },
    jwk(key, { kid: "good" }),
  ];
  const keys = await read({ keys: set });
  for (const kid of ["encryption", "signing", "other"])
    expect(await refusalOf(keys, tokenBy(key, alice, { kid }))).toBe("its kid is of none of the keys");
  expect(await refusalOf(keys, tokenBy(rsa, alice, { kid: "pss" }))).toBe(noAlgorithm);
  expect(await keys.verify(tokenBy(key, alice, { kid: "good" }))).toMatchObject({ id: "jwt:alice" });
});

test("a token without a kid is tried with a few keys, and not with any number", async ({ read }) => {
  const some = [stranger, makeKey("ES256"), makeKey("ES256"), key];
  const few = await read(some.map(pem).join("\n"));
  expect(await few.verify(tokenBy(key, alice))).toMatchObject({ id: "jwt:alice" });
  const many = await read({
    keys: [...some, makeKey("ES256")].map((one, kid) => jwk(one, { kid: `${kid}` })),
  });
  expect(await refusalOf(many, tokenBy(key, alice))).toBe("more than 4 keys would have to be tried for it");
  expect(await many.verify(tokenBy(key, alice, { kid: "3" }))).toMatchObject({ id: "jwt:alice" });
});

test("a token holds until its end and no longer, though it is remembered", async ({ read, clock }) => {
  const keys = await read(pem(key));
  const token = tokenBy(key, alice);
  const identity = await keys.verify(token);
  await clock.advance(hour * 1000 - 1);
  expect(await keys.verify(token)).toBe(identity);
  await clock.advance(1);
  expect(await refusalOf(keys, token)).toBe("it has expired");
});

test("a token that is early is taken when its time has come; a clock may be a little ahead", async ({
  read,
  clock,
}) => {
  const keys = await read(pem(key));
  for (const claim of ["nbf", "iat"]) {
    const startMs = clock.wallMs();
    const token = tokenBy(key, { ...alice, iat: undefined, [claim]: startMs / 1000 + 60 });
    expect(await refusalOf(keys, token)).toBe(`its ${claim} is in the future`);
    await clock.advance(29_999);
    expect(await refusalOf(keys, token)).toBe(`its ${claim} is in the future`);
    await clock.advance(1);
    expect(await keys.verify(token)).toMatchObject({ id: "jwt:alice" });
  }
});

test("what is wrong with a token is remembered, and for a while only", async ({ read, clock }) => {
  const keys = await read(pem(key));
  const token = tokenBy(stranger, alice);
  const refusals = [];
  for (const ms of [0, 59_999, 1]) {
    await clock.advance(ms);
    refusals.push(await keys.verify(token).catch((error: unknown) => error));
  }
  expect(refusals[1]).toBe(refusals[0]);
  expect(refusals[2]).not.toBe(refusals[0]);
  expect(refusals[2]).toEqual(refusals[0]);
});

test("a flood of bad tokens is turned away, and those who are known get in all the same", async ({
  read,
}) => {
  const keys = await read(pem(key));
  const token = tokenBy(key, alice);
  const identity = await keys.verify(token);
  const [head, claims] = tokenBy(stranger, alice).split(".");
  const flood = Array.from({ length: 1100 }, (_, index) => {
    const signature = Buffer.alloc(64, 1);
    signature.writeUInt32BE(index);
    return keys.verify(`${head}.${claims}.${signature.toString("base64url")}`);
  });
  const outcomes = await Promise.allSettled([...flood, keys.verify(token)]);
  const reasons = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : outcome.value));
  expect(reasons.at(-1)).toBe(identity);
  expect(reasons.filter((reason) => reason instanceof TokenRefusedError)).toHaveLength(1000);
  const turnedAway = reasons.filter(({ code }) => code === "throttled");
  expect(turnedAway).toHaveLength(100);
  expect(turnedAway[0].details.retryAfterSeconds).toBe(1);
  expect(await keys.verify(tokenBy(key, { ...alice, sub: "bob" }))).toMatchObject({ id: "jwt:bob" });
});

test("requests that come at once with one token wait for one check", async ({ read }) => {
  const keys = await read(pem(key));
  const token = tokenBy(key, alice);
  const identities = await Promise.all(Array.from({ length: 2000 }, () => keys.verify(token)));
  expect(new Set(identities).size).toBe(1);
});

test("keys are renewed without a restart, and what the old ones proved is forgotten", async ({
  read,
  file,
}) => {
  const keys = await read({ keys: [jwk(key, { kid: "old" })] });
  const renewals: (readonly string[])[] = [];
  const refusals: string[] = [];
  keys.follow({
    onRenewed: (names) => renewals.push(names),
    onRefused: (reason) => refusals.push(reason),
  });
  const old = tokenBy(key, alice, { kid: "old" });
  const next = tokenBy(stranger, alice, { kid: "next" });
  await keys.verify(old);
  expect(await refusalOf(keys, next)).toBe("its kid is of none of the keys");

  write(file, { keys: [jwk(stranger, { kid: "next" }), jwk(rsa)] });
  await keys.look();
  await keys.look();
  expect(renewals).toEqual([["next (ES256)", "RS256", "PS256"]]);
  expect(await keys.verify(next)).toMatchObject({ id: "jwt:alice" });
  expect(await refusalOf(keys, old)).toBe("its kid is of none of the keys");

  const useless = ["", "{", { keys: [] }, { keys: [{ kty: "oct", k: "c2VjcmV0" }] }];
  for (const content of useless) {
    write(file, content);
    await keys.look();
    await keys.look();
    expect(await keys.verify(next)).toMatchObject({ id: "jwt:alice" });
  }
  renameSync(file, `${file}.away`);
  await keys.look();
  expect(await keys.verify(next)).toMatchObject({ id: "jwt:alice" });
  expect(refusals).toEqual([
    "it is neither PEM nor JSON",
    "it begins like JSON and is none",
    expect.stringContaining("it has no public key for signatures that can be used"),
    "it has a private or secret key, which does not belong there",
    expect.stringContaining("ENOENT"),
  ]);

  write(file, pem(key));
  await keys.look();
  expect(renewals).toHaveLength(2);
  expect(await keys.verify(old)).toMatchObject({ id: "jwt:alice" });
  keys.stop();
});

const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const secrets = generateKeyPairSync("ec", { namedCurve: "P-256" });
const secp256k1 = generateKeyPairSync("ec", { namedCurve: "secp256k1" });

const uselessFiles: Record<string, readonly [content: unknown, reason: string]> = {
  empty: ["", "neither PEM nor JSON"],
  text: ["no keys here", "neither PEM nor JSON"],
  "too large": [" ".repeat(1024 * 1024 + 1), "has more than 1048576 bytes"],
  "broken JSON": ['{"keys": [{"kty": "EC", "d": "hidden"', "it begins like JSON and is none"],
  "a set that is none": [{ keys: {} }, "are not a list of keys"],
  "a set of no keys": [{ keys: ["key"] }, "are not a list of keys"],
  "an empty set": [{ keys: [] }, "no public key"],
  "an object of something else": [{ hello: "world" }, "no public key"],
  "a private key": [secrets.privateKey.export({ type: "pkcs8", format: "pem" }), "has a private key"],
  "an encrypted one": [
    secrets.privateKey.export({ type: "sec1", format: "pem", cipher: "aes-128-cbc", passphrase: "p" }),
    "has a private key",
  ],
  "a public and a private one": [
    pem(key) + secrets.privateKey.export({ type: "sec1", format: "pem" }),
    "has a private key",
  ],
  "a private JWK": [secrets.privateKey.export({ format: "jwk" }), "has a private or secret key"],
  "a secret among public keys": [
    { keys: [jwk(key), { kty: "oct", k: "aGlkZGVu" }] },
    "private or secret key",
  ],
  "a private key of a kind that is not known": [
    { keys: [jwk(key), { kty: "AKP", alg: "ML-DSA-44", priv: "aGlkZGVu" }] },
    "private or secret key",
  ],
  "a short RSA key": [weak.publicKey.export({ type: "spki", format: "pem" }), "RSA of at least 2048 bits"],
  "a curve of others": [secp256k1.publicKey.export({ type: "spki", format: "pem" }), "no public key"],
  "PEM that is cut off": [pem(key).slice(0, -40), "a PEM block in it is broken"],
  "PEM of nothing": ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "PEM block 1 in it is no"],
  "a point that is not on its curve": [jwk(key, { y: jwk(stranger).y }), "key 1 in it is malformed"],
  "too many keys": [{ keys: Array.from({ length: 33 }, () => jwk(key)) }, "it has more than 32 keys"],
};

test("a file that is of no use refuses the start with a sentence that shows nothing of it", async ({
  read,
  file,
  clock,
}) => {
  const sentence = `The file of JWT keys ${file} is of no use: `;
  for (const [kind, [content, reason]] of Object.entries(uselessFiles)) {
    const error: Error = await read(content).then(
      () => expect.fail(`${kind} was taken`),
      (fault) => fault,
    );
    expect(error.message.startsWith(sentence), kind).toBe(true);
    expect(error.message, kind).toContain(reason);
    expect(error.message, kind).not.toContain("hidden");
  }
  rmSync(file);
  const expected = { issuer, audience };
  await expect(JwtKeys.read(file, expected, clock)).rejects.toThrow(`${sentence}ENOENT`);
  mkdirSync(file);
  await expect(JwtKeys.read(file, expected, clock)).rejects.toThrow(`${file} is not a file`);
});
