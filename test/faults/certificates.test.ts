// A certificate is renewed while the service runs: new connections get the new one, open ones go on, and what is of no use
// is not used.

import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import type { TlsPair } from "../../src/certificate.ts";
import { makePair } from "../support/certificates.ts";
import { test as base, ServerProcess } from "../support/process.ts";

const renewed = "new connections get the new TLS certificate";
const refused = "the files of the TLS certificate are of no use now; the one in force stays";

/** A folder of files, as Kubernetes mounts a secret: the files are links by way of a link that is changed in one step. */
class Secret {
  readonly folder: string;
  readonly args: readonly string[];
  #count = 0;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder);
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(folder, name));
    this.args = ["--tls-cert", join(folder, "tls.crt"), "--tls-key", join(folder, "tls.key")];
  }

  put({ cert, key }: { readonly cert: Buffer | string; readonly key: Buffer | string }): void {
    this.#count += 1;
    const version = `..version-${this.#count}`;
    mkdirSync(join(this.folder, version));
    writeFileSync(join(this.folder, version, "tls.crt"), cert);
    writeFileSync(join(this.folder, version, "tls.key"), key);
    symlinkSync(version, join(this.folder, "..next"));
    renameSync(join(this.folder, "..next"), join(this.folder, "..data"));
    rmSync(join(this.folder, `..version-${this.#count - 1}`), { recursive: true, force: true });
  }
}

const test = base.extend<{ secret: Secret }>({
  secret: async ({ dataDir }, use) => {
    const folder = `${dataDir}-secret`;
    await use(new Secret(folder));
    rmSync(folder, { recursive: true, force: true });
  },
});

/** Whose certificate a new connection gets. */
async function nameAt({ url }: ServerProcess): Promise<string> {
  const { port } = new URL(url);
  const socket = connectTls({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

async function statusBy(session: ClientHttp2Session, headers: Record<string, string>): Promise<number> {
  const stream = session.request(headers);
  stream.resume();
  stream.end();
  const [answer] = await once(stream, "response");
  return answer[":status"];
}

test("links are changed to a new pair: it is noticed, new connections get it and streams go on", async ({
  start,
  secret,
}) => {
  const [first, second] = [makePair("first"), makePair("second")];
  secret.put(first);
  const server = await start(...secret.args);
  const before = connectHttp2(server.url, { ca: first.cert });
  const stream = before.request({ ":path": "/v1/watch?path=/a&once=true" }).setEncoding("utf8");
  let heard = "";
  stream.on("data", (text) => {
    heard += text;
  });
  await once(stream, "data");
  const ended = once(stream, "end");

  secret.put(second);
  const line = await server.logged(renewed);
  expect(line).toMatchObject({ subject: "CN=second", validTo: expect.stringContaining("2049") });
  const after = connectHttp2(server.url, { ca: second.cert });
  expect(await statusBy(after, { ":path": "/v1/znodes/a", ":method": "POST" })).toBe(201);
  await ended;
  expect(heard).toContain('"type":"created","path":"/a"');
  expect(await statusBy(before, { ":path": "/v1/znodes/a" })).toBe(200);
  expect(server.hasLogged(refused)).toBe(false);
  for (const session of [before, after]) session.destroy();
});

test("SIGHUP looks at once, and a pair of no use is refused in one line while the old one stays", async ({
  start,
  secret,
}) => {
  const pairs = { first: makePair("first"), second: makePair("second") };
  secret.put(pairs.first);
  const server = await start(...secret.args);
  const useless = {
    "key values mismatch": { cert: pairs.second.cert, key: pairs.first.key },
    "no start line": { cert: "no certificate", key: pairs.first.key },
    DECODER: { cert: pairs.first.cert, key: "" },
  };
  const refusals = () => server.logs.filter(({ msg }) => msg === refused);
  let count = 0;
  for (const [reason, pair] of Object.entries(useless)) {
    secret.put(pair);
    server.signal("SIGHUP");
    count += 1;
    await server.loggedTimes(refused, count);
    expect(String(refusals().at(-1)?.reason)).toContain(reason);
    expect(await nameAt(server)).toBe("first");
  }
  rmSync(join(secret.folder, "..data"));
  server.signal("SIGHUP");
  count += 1;
  await server.loggedTimes(refused, count);
  server.signal("SIGHUP");
  expect(String(refusals().at(-1)?.reason)).toContain("ENOENT");
  expect(await nameAt(server)).toBe("first");

  secret.put(pairs.second);
  server.signal("SIGHUP");
  await server.logged(renewed);
  expect(await nameAt(server)).toBe("second");
  // The last was looked at more than once.
  expect(refusals().length).toBe(count);
  expect(JSON.stringify(server.logs)).not.toContain("PRIVATE KEY");
  expect(await server.terminate()).toEqual({ code: 0, signal: null });
});

test("a start with a pair of no use ends with a sentence, before anything is made of the directory", async ({
  dataDir,
  secret,
}) => {
  const [first, second] = [makePair("first"), makePair("second")];
  const faults: [TlsPair | null, string][] = [
    [{ cert: first.cert, key: second.key }, "key values mismatch"],
    [null, "ENOENT"],
  ];
  for (const [pair, reason] of faults) {
    if (pair === null) rmSync(join(secret.folder, "..data"));
    else secret.put(pair);
    const ended = await ServerProcess.runToEnd({ dataDir, args: secret.args });
    expect(ended.code).toBe(1);
    expect(ended.logs.at(-1)?.msg).toMatch(
      /^could not start: The TLS certificate .* with the key .* is of no use: /,
    );
    expect(ended.logs.at(-1)?.msg).toContain(reason);
    expect(ended.logs.some(({ msg }) => msg === "store open")).toBe(false);
  }
});

test("without TLS a SIGHUP ends the service in good order, as a lost terminal does", async ({ start }) => {
  const server = await start();
  server.signal("SIGHUP");
  expect(await server.exit).toEqual({ code: 0, signal: null });
});
