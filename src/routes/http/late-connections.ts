// A session of HTTP/2 that takes back too many streams is ended, and a new one would be given as many again. So they are
// counted by client as well: new connections of one who took back too many begin once one more may be. None is refused.

import type { Server } from "node:http";
import type { Http2Session, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { Buckets } from "./buckets.ts";
import type { Proxies } from "./client-address.ts";
import { fixedLimits } from "./fixed-limits.ts";
import { shareHolderAt } from "./share-holder.ts";

type Handler = (socket: Socket) => void;

export class LateConnections {
  readonly #clock: Clock;
  readonly #proxies: Proxies;
  readonly #left: Buckets;
  /** Whose a session is; not of one of a proxy, which carries many clients' streams. */
  readonly #clientOf = new WeakMap<Http2Session, string>();

  constructor(clock: Clock, proxies: Proxies) {
    const { streamResetsPerSecondMax: perSecond, streamResetsMax: burst, rateClientsMax } = fixedLimits;
    this.#clock = clock;
    this.#proxies = proxies;
    this.#left = new Buckets({ perSecond, burst, holdersMax: rateClientsMax }, clock);
  }

  /** Call for a server with TLS, before it listens and before anybody else hears of its connections. */
  follow(server: Server): void {
    // Node's own, which begins with TLS.
    const [begin] = server.listeners("connection") as [Handler];
    server.off("connection", begin);
    server.on("connection", (socket: Socket) => this.#hold(socket, () => begin.call(server, socket)));
    server.on("session", (session: ServerHttp2Session) => {
      const { remoteAddress } = session.socket;
      if (!this.#proxies.has(remoteAddress)) this.#clientOf.set(session, shareHolderAt(remoteAddress));
    });
  }

  /** A stream of the session was taken back; of one that is gone it is not known whose it was. */
  count(session: Http2Session | undefined): void {
    const client = session && this.#clientOf.get(session);
    if (client !== undefined) this.#left.charge(client, 1);
  }

  #hold(socket: Socket, begin: () => void): void {
    const { remoteAddress } = socket;
    const waitMs = this.#proxies.has(remoteAddress) ? 0 : this.#left.debtMs(shareHolderAt(remoteAddress));
    if (waitMs === 0) {
      begin();
      return;
    }
    const cancel = this.#clock.setTimer(waitMs, begin);
    socket.once("close", cancel);
    socket.on("error", ignore);
  }
}

function ignore(): void {}
