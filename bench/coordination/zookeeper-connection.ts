// A session with ZooKeeper over a bare socket: requests and their replies, and the watches that were left behind.

import { connect, type Socket } from "node:net";
import { JuteReader, JuteWriter } from "./jute.ts";

export const noNode = -101;
export const nodeExists = -110;
const ping = { xid: -2, type: 11 };
const watchXid = -1;
const closeType = -11;

export interface Reply {
  /** 0 for none. */
  readonly error: number;
  readonly body: JuteReader;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A request has at most so many bytes: paths here are short. */
const requestBytesMax = 512;

export class ZookeeperConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  readonly #watches = new Map<string, () => void>();
  #rest: Buffer = Buffer.alloc(0);
  #isAccepted = false;
  #xid = 0;
  #received = 0;

  private constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (bytes) => this.#read(bytes as Buffer));
    this.#socket.on("error", (error) => this.#lost(error));
    this.#socket.on("close", () => this.#lost(new Error("ZooKeeper closed a connection.")));
  }

  static async open(port: number, timeoutMs: number): Promise<ZookeeperConnection> {
    const connection = new ZookeeperConnection(port);
    const request = new JuteWriter(64).int(0).long(0n).int(timeoutMs).long(0n).buffer(Buffer.alloc(16));
    const { body } = await connection.#send(request.flag(false).packet());
    body.int();
    const grantedMs = body.int();
    if (grantedMs === timeoutMs) return connection;
    connection.destroy();
    throw new Error(`ZooKeeper granted a session timeout of ${grantedMs} ms, not ${timeoutMs}.`);
  }

  /** Packets so far, watches that fired included. */
  get received(): number {
    return this.#received;
  }

  request(type: number, write: (body: JuteWriter) => JuteWriter): Promise<Reply> {
    this.#xid += 1;
    return this.#send(write(new JuteWriter(requestBytesMax).int(this.#xid).int(type)).packet());
  }

  ping(): Promise<Reply> {
    return this.#send(new JuteWriter(8).int(ping.xid).int(ping.type).packet());
  }

  /** Call before the request that leaves the watch. */
  onWatch(path: string, fired: () => void): void {
    this.#watches.set(path, fired);
  }

  async close(): Promise<void> {
    await this.request(closeType, (body) => body);
    this.destroy();
  }

  destroy(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  /** Replies come in the order of their requests. */
  #send(packet: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(packet);
    });
  }

  #lost(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #read(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 4) {
      const end = 4 + rest.readInt32BE(0);
      if (rest.length < end) break;
      this.#received += 1;
      this.#take(new JuteReader(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }

  #take(body: JuteReader): void {
    if (!this.#isAccepted) {
      this.#isAccepted = true;
      this.#waiting.shift()?.resolve({ error: 0, body });
      return;
    }
    const xid = body.int();
    body.long();
    const error = body.int();
    if (xid === watchXid) this.#fire(body);
    else this.#waiting.shift()?.resolve({ error, body });
  }

  #fire(event: JuteReader): void {
    event.int();
    event.int();
    const path = event.text();
    const fired = this.#watches.get(path);
    this.#watches.delete(path);
    fired?.();
  }
}
