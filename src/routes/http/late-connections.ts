// A session of HTTP/2 that takes back too many streams is ended, and a new one would be given as many again. So they are
// counted by client as well: new connections of one who took back too many begin one after the other, as it may take back more.
// None is refused.

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
    const client = shareHolderAt(remoteAddress);
    const waitMs = this.#proxies.has(remoteAddress) ? 0 : this.#left.ownDebtMs(client);
    if (waitMs === 0) {
      begin();
      return;
    }
    socket.on("error", ignore);
    this.#beginLater(socket, client, begin);
  }

  /** It takes what the client may take back in a second, so that the next one that waits does not begin with it. */
  #beginLater(socket: Socket, client: string, begin: () => void): void {
    const look = () => {
      if (this.#left.ownDebtMs(client) > 0) {
        this.#beginLater(socket, client, begin);
        return;
      }
      this.#left.charge(client, fixedLimits.streamResetsPerSecondMax);
      socket.off("close", cancel);
      begin();
    };
    const cancel = this.#clock.setTimer(this.#left.ownDebtMs(client), look);
    socket.once("close", cancel);
  }
}

function ignore(): void {}
