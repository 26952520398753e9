// The files of identities as an operator knows them: what a start says of them, and what the log says when they change.

import { rmSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { makeAuthority, makePair } from "../support/certificates.ts";
import { test as base, ServerProcess } from "../support/process.ts";
import { jwk, makeKey, pem } from "./tokens.ts";

interface File {
  readonly path: string;
  write(content: string | Buffer): void;
}

const test = base.extend<{ file: (name: string) => File }>({
  file: async ({ dataDir }, use) => {
    const paths: string[] = [];
    await use((name) => {
      const path = `${dataDir}-${name}`;
      paths.push(path);
      return { path, write: (content) => writeFileSync(path, content) };
    });
    for (const path of paths) rmSync(path, { force: true });
  },
});

test("SIGHUP looks at the JWT keys at once, without TLS too, and says what became of them", async ({
  start,
  file,
}) => {
  const keys = file("keys");
  const one = makeKey("ES256");
  keys.write(pem(one));
  const server = await start("--jwt-keys", keys.path, "--jwt-audience", "treekeeper");
  keys.write("useless");
  server.signal("SIGHUP");
  const refusal = await server.logged("the file of JWT keys is of no use now; the keys in force stay");
  expect(refusal.reason).toBe("it is neither PEM nor JSON");
  keys.write(JSON.stringify({ keys: [jwk(one, { kid: "2026-12" })] }));
  server.signal("SIGHUP");
  const renewal = await server.logged("tokens are verified against the new JWT keys");
  expect(renewal.keys).toEqual(["2026-12 (ES256)"]);
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
});

test("SIGHUP looks at the authorities of clients as at the certificate", async ({ start, file }) => {
  const [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(file) as [File, File, File];
  const pair = makePair("server");
  cert.write(pair.cert);
  key.write(pair.key);
  ca.write(makeAuthority("first").cert);
  const server = await start("--tls-cert", cert.path, "--tls-key", key.path, "--tls-client-ca", ca.path);
  ca.write(makeAuthority("second").cert);
  server.signal("SIGHUP");
  const renewal = await server.logged("new connections get the new TLS certificate");
  expect(renewal).toMatchObject({ subject: "CN=server", clientCas: ["CN=second"] });
});

test("a start with files of no use ends with a sentence, before anything is made of the directory", async ({
  dataDir,
  file,
}) => {
  const [cert, key, ca, keys] = ["tls.crt", "tls.key", "ca.crt", "keys"].map(file) as [
    File,
    File,
    File,
    File,
  ];
  const pair = makePair("server");
  cert.write(pair.cert);
  key.write(pair.key);
  ca.write("nobody");
  const starts = [
    { args: ["--jwt-keys", keys.path], sentence: `The file of JWT keys ${keys.path} is of no use: ENOENT` },
    {
      args: ["--tls-cert", cert.path, "--tls-key", key.path, "--tls-client-ca", ca.path],
      sentence: `The TLS certificate ${cert.path} with the key ${key.path} and the client CA ${ca.path} is of no use: `,
    },
  ].map(async ({ args, sentence }) => ({ ended: await ServerProcess.runToEnd({ dataDir, args }), sentence }));
  for (const { ended, sentence } of await Promise.all(starts)) {
    expect(ended.code).toBe(1);
    expect(ended.logs.at(-1)?.msg).toContain(`could not start: ${sentence}`);
    expect(ended.logs.some(({ msg }) => msg === "store open")).toBe(false);
  }
});
