// The file by which an operator comes to the first token: what is laid there, what is believed, and that what is not
// believed is never passed over.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { layFirstToken, readFirstToken } from "../../src/access/first-token.ts";
import { hashSecret } from "../../src/access/secrets.ts";
import { takeOverFirstToken } from "../../src/access/take-over.ts";
import { makeDataDir, removeDataDir } from "../support/process.ts";
import { test } from "../watches/fixture.ts";

function folder(): string {
  const path = makeDataDir();
  onTestFinished(() => removeDataDir(path));
  return path;
}

const fileIn = (dataDir: string) => join(dataDir, "first-token.json");

describe("what is laid into the data directory", () => {
  test("is for its owner alone, and has the hash of the secret and not the secret", () => {
    const dataDir = join(folder(), "new/data");
    const { file, secret } = layFirstToken(dataDir, "admin");
    expect([file, secret]).toEqual([fileIn(dataDir), expect.stringMatching(/^tk_[\w-]{43}$/)]);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(secret);
    expect(readFirstToken(dataDir)).toEqual({ name: "admin", hash: hashSecret(secret) });
  });

  test("replaces nothing that is there, and is written through no link", () => {
    const dataDir = folder();
    const elsewhere = join(dataDir, "elsewhere");
    symlinkSync(elsewhere, fileIn(dataDir));
    expect(() => layFirstToken(dataDir, "admin")).toThrow("is there already");
    expect(existsSync(elsewhere)).toBe(false);
    rmSync(fileIn(dataDir));
    layFirstToken(dataDir, "admin");
    const first = readFileSync(fileIn(dataDir), "utf8");
    expect(() => layFirstToken(dataDir, "admin")).toThrow("is there already");
    expect(readFileSync(fileIn(dataDir), "utf8")).toBe(first);
  });

  test("is not laid where others could exchange it, nor for a name that is none", () => {
    const dataDir = folder();
    chmodSync(dataDir, 0o770);
    expect(() => layFirstToken(dataDir, "admin")).toThrow("Others may write to the data directory");
    chmodSync(dataDir, 0o700);
    expect(() => layFirstToken(dataDir, "../admin")).toThrow("The name of a token has");
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

const token = JSON.stringify({ name: "admin", hash: "a".repeat(64) });

const notBelieved: readonly [fault: string, put: (file: string) => void][] = [
  ["is open to others", (file) => writeFileSync(file, token, { mode: 0o640 })],
  ["is a link", linked],
  ["has several names", named],
  ["is not a file", (file) => execFileSync("mkfifo", ["-m", "600", file])],
  ["is not a file", (file) => mkdirSync(file, { mode: 0o700 })],
  ...[
    "",
    "{",
    "null",
    '{"name":"admin"}',
    token.replace("admin", "a b"),
    token.replace("aaa", "AAA"),
    `${token}${" ".repeat(4096)}`,
  ].map((text): [string, (file: string) => void] => [
    "is not what `treekeeper token init` writes",
    (file) => writeFileSync(file, text, { mode: 0o600 }),
  ]),
];

function linked(file: string): void {
  writeFileSync(`${file}.real`, token, { mode: 0o600 });
  symlinkSync(`${file}.real`, file);
}

function named(file: string): void {
  writeFileSync(`${file}.other`, token, { mode: 0o600 });
  linkSync(`${file}.other`, file);
}

test.for(notBelieved)("what %s is refused with a sentence, and stays", ([fault, put]) => {
  const dataDir = folder();
  put(fileIn(dataDir));
  expect(() => readFirstToken(dataDir)).toThrow(`${fileIn(dataDir)} ${fault}.`);
  expect(readdirSync(dataDir)).toContain("first-token.json");
});

test.runIf(process.geteuid?.() === 0)("what belongs to a stranger is refused", () => {
  const dataDir = folder();
  writeFileSync(fileIn(dataDir), token, { mode: 0o600 });
  execFileSync("chown", ["12345", fileIn(dataDir)]);
  expect(() => readFirstToken(dataDir)).toThrow("belongs to user 12345");
});

test.runIf(process.geteuid?.() === 0)(
  "what root lays there is given to whoever the directory belongs to",
  () => {
    const dataDir = folder();
    execFileSync("chown", ["12345", dataDir]);
    expect(statSync(layFirstToken(dataDir, "admin").file).uid).toBe(12345);
  },
);

test("where there is none, nothing happens", async ({ keeper }) => {
  expect(await takeOverFirstToken(folder(), keeper.store)).toBeNull();
  expect(keeper.store.access.isOn).toBe(false);
});

test("a start that is interrupted anywhere is made up for by the next", async ({ keeper }) => {
  const { store } = keeper;
  const dataDir = folder();
  const { secret } = layFirstToken(dataDir, "admin");
  const text = readFileSync(fileIn(dataDir), "utf8");
  for (let done = 0; done <= 2; done += 1) {
    let left = done;
    const broken = {
      access: store.access,
      submit: async (command: Parameters<typeof store.submit>[0]) => {
        if (left === 0) throw new Error("the power is gone");
        left -= 1;
        await store.submit(command);
      },
    };
    // In the last round it is done, and the file is there all the same.
    await takeOverFirstToken(dataDir, broken).catch(() => {});
    if (!existsSync(fileIn(dataDir))) writeFileSync(fileIn(dataDir), text, { mode: 0o600 });
  }
  expect(await takeOverFirstToken(dataDir, store)).toEqual({ name: "admin", isRescue: true });
  expect(existsSync(fileIn(dataDir))).toBe(false);
  const [one, ...others] = [...store.access.tokens()];
  expect(others).toEqual([]);
  expect(one).toMatchObject({ name: "admin", policies: ["admin"], secrets: [{ hash: hashSecret(secret) }] });
});

test("a lost admin token is replaced: the new secret counts, the old one does not, whatever became of the token", async ({
  keeper,
}) => {
  const { store } = keeper;
  const dataDir = folder();
  const old = layFirstToken(dataDir, "admin").secret;
  await takeOverFirstToken(dataDir, store);
  await store.submit({ type: "setPolicy", policy: { name: "none", rules: [] }, principal: "system" });
  const spoilt = { policies: ["none"], validUntilMs: 1 };
  await store.submit({ type: "changeToken", name: "admin", ...spoilt, principal: "system" });
  const { secret } = layFirstToken(dataDir, "admin");
  expect(await takeOverFirstToken(dataDir, store)).toEqual({ name: "admin", isRescue: true });
  expect(store.access.shownBy(hashSecret(old))).toBeUndefined();
  const shown = store.access.shownBy(hashSecret(secret))?.token;
  expect(shown).toMatchObject({ policies: ["admin"], validUntilMs: null });
});

test("a token that is confined, or somebody else's, is made no admin's, and nothing changes", async ({
  keeper,
}) => {
  const { store } = keeper;
  await store.submit({ type: "turnOnAccess", principal: "system" });
  const kinds = [
    { name: "team", root: "/team", fault: "is confined to /team" },
    { name: "web", root: "/", identity: "cert:web", fault: "is for cert:web" },
  ];
  for (const { fault, ...kind } of kinds) {
    const token = { ...kind, policies: ["admin"], validUntilMs: null };
    const hash = kind.identity === undefined ? { hash: "b".repeat(64) } : {};
    await store.submit({ type: "createToken", token, ...hash, principal: "system" });
    const before = store.access.token(kind.name);
    const dataDir = folder();
    layFirstToken(dataDir, kind.name);
    await expect(takeOverFirstToken(dataDir, store)).rejects.toThrow(fault);
    expect(store.access.token(kind.name)).toBe(before);
    expect(existsSync(fileIn(dataDir))).toBe(true);
  }
});
