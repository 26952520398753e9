// What moves the metrics of requests, connections, answers and bodies.

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { fixedLimits } from "../../../src/routes/http/fixed-limits.ts";
import { makePair } from "../../support/certificates.ts";
import { ClientAt } from "../../support/client-at.ts";
import { plain } from "../../support/keeper.ts";
import { changes, type Movers, moves, shows } from "../mover.ts";
import type { World } from "../world.ts";

/** As JSON each byte of it is six: more than a socket takes at once. */
const unprintable = "\x01".repeat(1_000_000);

async function connections(world: World, count: number): Promise<() => Promise<void>> {
  const before = world.server.stats().connections.open;
  const sockets = await Promise.all(Array.from({ length: count }, () => world.http.connect()));
  return async () => {
    for (const socket of sockets) socket.destroy();
    await until(() => world.server.stats().connections.open === before);
  };
}

/** Asks for a large answer, and reads nothing of it. */
async function askOnly(world: World): Promise<Socket> {
  const socket = await world.http.connect();
  socket.pause();
  socket.write("GET /v1/children/large?include=data HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return socket;
}

async function holdAnswer(world: World): Promise<() => Promise<void>> {
  if (!world.keeper.exists("/large")) {
    await world.keeper.create("/large");
    await world.keeper.create("/large/a", plain, unprintable);
  }
  const accepted = once(world.server.app.server, "connection") as Promise<[Socket]>;
  const socket = await askOnly(world);
  const [sending] = await accepted;
  await until(() => world.server.stats().answers.held === 1);
  // As much of it as the system takes is given out piece by piece.
  let handedOver = -1;
  await until(() => {
    const before = handedOver;
    handedOver = sending.bytesWritten - sending.writableLength;
    return sending.writableLength > 0 && handedOver === before;
  });
  return async () => {
    socket.destroy();
    await until(() => world.server.stats().answers.held === 0);
  };
}

/** Bodies that begin and do not end. */
async function beginBodies(world: World, count: number): Promise<() => Promise<void>> {
  const sockets = await Promise.all(Array.from({ length: count }, () => world.http.connect()));
  for (const socket of sockets) {
    socket.write("PUT /v1/znodes/body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    socket.write("x".repeat(900_000));
  }
  return async () => {
    for (const socket of sockets) socket.destroy();
    await until(() => world.server.stats().bodies.bodies === 0);
  };
}

async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const crowd = { options: {}, shared: "crowd" };
const answers = { options: {}, shared: "answers" };
const bodies = { options: {}, shared: "bodies" };
const rated = { settings: { ratePerSecond: 1, rateBurst: 2 } };
const slow = { options: rated, shared: "rated" };

/** Without a reader of a certificate that nobody vouches for. */
async function beginHttp2({ http }: World): Promise<() => void> {
  const session = connectHttp2(http.url, { rejectUnauthorized: false });
  await once(session, "connect");
  return () => session.destroy();
}

export const httpMovers: Movers = {
  treekeeper_http_requests_total: moves(1, async ({ http }) => void (await http.get("/livez")), {
    label: 'method="GET",route="/livez",status="200"',
  }),
  treekeeper_http_request_duration_seconds: moves(1, async ({ http }) => void (await http.get("/livez")), {
    label: 'method="GET",route="/livez"',
  }),
  treekeeper_http_problems_total: moves(1, async ({ http }) => void (await http.get("/v1/znodes/none")), {
    label: 'code="no_node"',
  }),
  treekeeper_http_unreadable_requests_total: moves(
    1,
    async ({ http }) => void (await http.raw("this is no request\r\n\r\n")),
  ),
  treekeeper_http_connections: moves(3, async (world) => await connections(world, 3), crowd),
  treekeeper_http_connections_max: shows(({ connectionsMax }) => connectionsMax),
  treekeeper_http_surplus_connections: moves(2, async (world) => await connections(world, 32), crowd),
  treekeeper_http_turned_away_connections_total: moves(
    4,
    async (world) => await connections(world, 64),
    crowd,
  ),
  treekeeper_http2_sessions: moves(1, beginHttp2, { options: { tls: makePair("metrics") } }),
  treekeeper_drain_percent: moves(40, async ({ http }) => {
    await http.post("/v1/admin/drain?percent=40");
    return async () => await http.delete("/v1/admin/drain");
  }),
  treekeeper_http_clients: moves(1, async ({ http }) => {
    const socket = await new ClientAt(http.url, "127.0.0.9").connect();
    return () => socket.destroy();
  }),
  treekeeper_http_held_answers: moves(1, holdAnswer, answers),
  treekeeper_http_held_answer_bytes: changes(holdAnswer, answers),
  treekeeper_http_held_answer_bytes_max: shows(({ answerBytesMax }) => answerBytesMax),
  treekeeper_http_refused_answers_total: moves(
    1,
    async (world) => {
      const release = await holdAnswer(world);
      await world.http.get("/v1/children/large?include=data");
      return release;
    },
    answers,
  ),
  treekeeper_http_cut_answers_total: moves(
    1,
    async (world) => {
      await holdAnswer(world);
      await world.clock.advance(fixedLimits.answerStillMsMax);
      await world.http.get("/v1/children/large?include=data");
    },
    answers,
  ),
  treekeeper_http_bodies: moves(1, async (world) => await beginBodies(world, 1), bodies),
  treekeeper_http_body_bytes: changes(async (world) => await beginBodies(world, 1), bodies),
  treekeeper_http_body_bytes_max: shows(({ bodiesBytesMax }) => bodiesBytesMax),
  treekeeper_http_refused_bodies_total: changes(async (world) => await beginBodies(world, 3), bodies),
  treekeeper_rate_clients: moves(1, async ({ http }) => void (await http.get("/v1/znodes")), {
    options: rated,
  }),
  treekeeper_rate_refusals_total: changes(async ({ http }) => {
    for (let count = 0; count < 5; count += 1) await http.get("/v1/znodes");
  }, slow),
};
