// Real handshakes with the real server: whose certificate counts, and that nobody else is anybody by one.

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect as connectHttp2, type Http2ServerRequest } from "node:http2";
import { type AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { expect } from "vitest";
import { identityOfPeer } from "../../src/access/client-certificates.ts";
import type { Identity } from "../../src/access/identity.ts";
import { readCertificate, type TlsPair } from "../../src/certificate.ts";
import type { Server } from "../../src/server.ts";
import { test as base, serverOver } from "../routes/server-fixture.ts";
import { makeAuthority, makePair, type Subject } from "../support/certificates.ts";

const ours = makeAuthority("ours");
const theirs = makeAuthority("theirs");
const serverPair = makePair("server");
const endOf2049 = Date.UTC(2049, 11, 31, 23, 59, 59);

/** A server that asks clients for certificates, and whom each request came from. */
class Hall {
  readonly server: Server;
  readonly identities: (Identity | null)[] = [];

  constructor(server: Server) {
    this.server = server;
    server.app.server.on("request", (request: IncomingMessage | Http2ServerRequest) =>
      this.identities.push(identityOfPeer(socketOf(request))),
    );
  }

  get port(): number {
    return (this.server.app.server.address() as AddressInfo).port;
  }

  async connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ host: "127.0.0.1", port: this.port, ca: serverPair.cert, ...options });
    await once(socket, "secureConnect");
    return socket;
  }

  /** Whom a request on a new connection comes from. It is answered in any case. */
  async identityOf(client: Partial<TlsPair> = {}): Promise<Identity | null> {
    const socket = await this.connect(client);
    const identity = await this.identityOn(socket);
    socket.destroy();
    return identity;
  }

  async identityOn(socket: TLSSocket): Promise<Identity | null> {
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
    return this.identities.at(-1) as Identity | null;
  }
}

function socketOf(request: IncomingMessage | Http2ServerRequest): Socket {
  if (!("stream" in request)) return request.socket;
  return request.stream.session?.socket as Socket;
}

const test = base.extend<{ hall: Hall }>({
  hall: async ({ keeper, watches }, use) => {
    const { server, close } = await serverOver(keeper, watches, {
      tls: { ...serverPair, clientCa: ours.cert },
    });
    await server.app.listen({ host: "127.0.0.1", port: 0 });
    await use(new Hall(server));
    await close();
  },
});

test("who shows a certificate of the authority is whom it names, until it ends", async ({ hall }) => {
  const named = {
    "cert:alice": { names: ["alice"] },
    "cert:Team A, night shift": { names: ["Team A, night shift"] },
    "cert:host.example": { names: ["host.example"], hosts: ["host.example", "other.example"] },
    "cert:spiffe://example.org/ns/a/sa/worker": {
      names: ["worker"],
      hosts: ["worker.example"],
      uris: ["spiffe://example.org/ns/a/sa/worker", "https://example.org/second"],
    },
    "cert:spiffe://example.org/unnamed": { names: [], uris: ["spiffe://example.org/unnamed"] },
    [`cert:${"n".repeat(255)}`]: { names: ["n".repeat(255)] },
  } satisfies Record<string, Subject>;
  for (const [id, subject] of Object.entries(named)) {
    const identity = await hall.identityOf(ours.certify(subject));
    expect(identity).toEqual({ id, policies: null, root: "/", validUntilMs: endOf2049 });
  }
});

test("who shows none, or one that proves nothing, is nobody and is answered", async ({ hall }) => {
  const alice = { names: ["alice"] };
  const proving: Record<string, Partial<TlsPair>> = {
    none: {},
    "of another authority": theirs.certify(alice),
    "signed with its own key": makePair("alice"),
    expired: ours.certify({ ...alice, hasExpired: true }),
    "for servers": ours.certify({ ...alice, isForServersOnly: true }),
    "an authority of the same name": makeAuthority("ours").certify(alice),
    "with two names": ours.certify({ names: ["alice", "bob"] }),
    "without a name": ours.certify({ names: [] }),
    "with an empty name": ours.certify({ names: [""] }),
    "with a name of two lines": ours.certify({ names: ["alice\nCN=bob"] }),
    "with a name of letters that look like others": ours.certify({ names: ["аlice"] }),
    "with a name that ends with a space": ours.certify({ names: ["alice "] }),
    "with a name without end": ours.certify({ names: ["n".repeat(256)] }),
    "with a URI for a name": ours.certify({ names: ["spiffe://example.org/admin"] }),
    "with a URI that could be two": ours.certify({ names: ["alice"], uris: ["x:y, URI:spiffe://admin"] }),
    "with a host that could be a URI": ours.certify({ names: ["alice"], hosts: ["a, URI:spiffe://admin"] }),
    "with an empty URI": ours.certify({ names: ["alice"], uris: [""] }),
  };
  for (const [kind, client] of Object.entries(proving))
    expect(await hall.identityOf(client), kind).toBeNull();
  expect(hall.identities).toHaveLength(Object.keys(proving).length);
});

test("it is found out once for each connection, over HTTP/2 as well", async ({ hall }) => {
  const { port } = hall;
  const session = connectHttp2(`https://localhost:${port}`, {
    ca: serverPair.cert,
    ...ours.certify({ names: ["alice"] }),
  });
  for (let count = 0; count < 2; count += 1) {
    const stream = session.request({ ":path": "/livez" }).resume();
    expect((await once(stream, "response"))[0][":status"]).toBe(200);
  }
  session.destroy();
  expect(hall.identities[0]).toMatchObject({ id: "cert:alice" });
  expect(hall.identities[1]).toBe(hall.identities[0]);
});

test("a connection without TLS is nobody's", () => {
  expect(identityOfPeer(new Socket())).toBeNull();
});

test("a session that is resumed proves what it proved before, and no more", async ({ hall }) => {
  const clients = [
    { client: ours.certify({ names: ["alice"] }), id: "cert:alice" },
    { client: theirs.certify({ names: ["alice"] }), id: undefined },
    { client: {}, id: undefined },
  ];
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const { client, id } of clients) {
      const first = await hall.connect({ ...client, maxVersion });
      const session = first.getSession() ?? (await once(first, "session"))[0];
      const told = maxVersion === "TLSv1.3" ? once(first, "session") : Promise.resolve([session]);
      const [kept] = await Promise.all([told, hall.identityOn(first)]).then(([[ticket]]) => [ticket]);
      const again = await hall.connect({ ...client, maxVersion, session: kept });
      expect(again.isSessionReused()).toBe(true);
      expect((await hall.identityOn(again))?.id, maxVersion).toBe(id);
      for (const socket of [first, again]) socket.destroy();
    }
  }
});

test("no second handshake on a connection makes somebody else of it", async ({ hall }) => {
  const socket = await hall.connect({ ...ours.certify({ names: ["alice"] }), maxVersion: "TLSv1.2" });
  socket.on("error", () => {});
  const fault = await new Promise((resolve) => {
    socket.renegotiate({ rejectUnauthorized: false }, resolve);
    socket.once("error", resolve);
  });

  expect(fault).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
  socket.destroy();
});

test("the authorities are renewed with the certificate, without a restart", async ({ hall }) => {
  const folder = mkdtempSync(join(tmpdir(), "treekeeper-"));
  const file = (name: string, content: Buffer | string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const files = {
    certFile: file("tls.crt", serverPair.cert),
    keyFile: file("tls.key", serverPair.key),
    clientCaFile: file("ca.crt", ours.cert),
  };
  const certificate = await readCertificate(files);
  const refusals: string[] = [];
  certificate.follow({
    onRenewed: ({ pair }) => hall.server.useCertificate(pair),
    onRefused: (reason) => refusals.push(reason),
  });
  const clients = [ours, theirs].map((authority) => authority.certify({ names: ["alice"] }));
  const ids = async () => {
    const identities = [];
    for (const client of clients) identities.push(await hall.identityOf(client));
    return identities.map((identity) => identity?.id);
  };
  const open = await hall.connect(clients[0]);
  expect((await hall.identityOn(open))?.id).toBe("cert:alice");

  file("ca.crt", Buffer.concat([ours.cert, theirs.cert]));
  await certificate.look();
  expect(certificate.meaning.words.clientCas).toEqual(["CN=ours", "CN=theirs"]);
  expect(await ids()).toEqual(["cert:alice", "cert:alice"]);
  file("ca.crt", theirs.cert);
  await certificate.look();
  expect(await ids()).toEqual([undefined, "cert:alice"]);
  expect((await hall.identityOn(open))?.id).toBe("cert:alice");
  open.destroy();

  const useless = {
    "it has no certificate": "",
    "it has a private key": Buffer.concat([theirs.cert, clients[0]?.key as Buffer]),
    "a PEM block in it is broken": Buffer.concat([theirs.cert, ours.cert.subarray(0, 200)]),
    "the file of the client CA cannot be used":
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  };
  for (const [reason, content] of Object.entries(useless)) {
    file("ca.crt", content);
    await certificate.look();
    expect(refusals.at(-1)).toContain(reason);
    expect(await ids()).toEqual([undefined, "cert:alice"]);
    await expect(readCertificate(files)).rejects.toThrow(reason);
  }
  expect(refusals).toHaveLength(4);
  certificate.stop();
  rmSync(folder, { recursive: true });
});
