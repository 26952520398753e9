// A host that stands for several addresses: at each of them it is the one server, with the same bounds, certificate and end.
// 127.0.0.2 is a second address of this machine, as ::1 is where there is IPv6.

import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import { makePair } from "../support/certificates.ts";
import { Http } from "../support/http.ts";
import { serverOver, test } from "./server-fixture.ts";

const both = async () => ["127.0.0.1", "127.0.0.2"];
const hosts = ["127.0.0.1", "127.0.0.2"];

function urlsOf(addresses: readonly AddressInfo[]): string[] {
  return addresses.map(({ address, port }) => `http://${address}:${port}`);
}

test("one server answers at all of them, counts their connections together and ends them together", async ({
  keeper,
  watches,
}) => {
  const limits = { connectionsMax: 1 };
  const { server, close } = await serverOver(keeper, watches, { limits });
  await server.doors.open({ host: "localhost", port: 0 }, both);
  const { addresses } = server.doors;
  expect(addresses.map(({ address }) => address)).toEqual(hosts);
  expect(new Set(addresses.map(({ port }) => port)).size).toBe(1);
  const [first, second] = urlsOf(addresses).map((url) => new Http(url)) as [Http, Http];

  const { port } = addresses[0] as AddressInfo;
  const sockets = hosts.map((host) => connect({ host, port }));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  for (const http of [second, first]) {
    expect((await http.get("/v1/znodes")).json()).toMatchObject({
      code: "throttled",
      limit: "connectionsMax",
    });
  }
  const ended = sockets.map((socket) => once(socket.resume(), "close"));
  await close();
  await Promise.all(ended);
  for (const http of [first, second]) await expect(http.get("/livez")).rejects.toThrow("fetch failed");
});

test("what the parser refuses at the second is refused in the same words as at the first", async ({
  server,
}) => {
  await server.doors.open({ host: "localhost", port: 0 }, both);
  for (const url of urlsOf(server.doors.addresses)) {
    const answer = await new Http(url).raw("nonsense\r\n\r\n");
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([400, "bad_request"]);
  }
});

test("a renewed certificate is shown at each of them", async ({ keeper, watches }) => {
  const { server, close } = await serverOver(keeper, watches, { tls: makePair("first") });
  await server.doors.open({ host: "localhost", port: 0 }, both);
  for (const name of ["first", "second"]) {
    if (name === "second") server.useCertificate(makePair("second"));
    for (const { address: host, port } of server.doors.addresses) {
      const socket = connectTls({ host, port, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      expect([host, socket.getPeerCertificate().subject.CN]).toEqual([host, name]);
      socket.destroy();
    }
  }
  await close();
});

test("an address that is not there does not keep it from the others", async ({ server }) => {
  await server.doors.open({ host: "localhost", port: 0 }, async () => ["127.0.0.1", "192.0.2.1"]);
  expect(server.doors.addresses.map(({ address }) => address)).toEqual(["127.0.0.1"]);
});
