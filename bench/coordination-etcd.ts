// A client of etcd's lock service through its JSON gateway: HTTP/1.1, as treekeeper's. A lease for the session, and
// Lock and Unlock.

import type { Connecting, LockClient } from "./coordination-client.ts";
import { HttpSocket } from "./http-socket.ts";

export class EtcdClient implements LockClient {
  readonly #http: HttpSocket;
  readonly #lease: string;
  #key = "";

  private constructor(http: HttpSocket, lease: string) {
    this.#http = http;
    this.#lease = lease;
  }

  static async connect({ port, sessionTimeoutMs }: Connecting): Promise<EtcdClient> {
    const http = await HttpSocket.connect(port);
    const { ID } = await call(http, "lease/grant", { TTL: sessionTimeoutMs / 1000 });
    return new EtcdClient(http, String(ID));
  }

  get received(): number {
    return this.#http.received;
  }

  async acquire(lock: string): Promise<void> {
    const { key } = await call(this.#http, "lock/lock", { name: base64(lock), lease: this.#lease });
    this.#key = String(key);
  }

  async release(): Promise<void> {
    await call(this.#http, "lock/unlock", { key: this.#key });
  }

  async heartbeat(): Promise<void> {
    await call(this.#http, "lease/keepalive", { ID: this.#lease });
  }

  async contenders(lock: string): Promise<number> {
    // All keys that begin with the name and a slash: up to the name and what comes after a slash.
    const range = { key: base64(`${lock}/`), range_end: base64(`${lock}0`), count_only: true };
    return Number((await call(this.#http, "kv/range", range)).count ?? 0);
  }

  async close(): Promise<void> {
    await call(this.#http, "lease/revoke", { ID: this.#lease }).catch(() => {});
    this.#http.close();
  }
}

async function call(http: HttpSocket, name: string, message: object): Promise<Record<string, unknown>> {
  const { status, body } = await http.request("POST", `/v3/${name}`, "", JSON.stringify(message));
  if (status !== 200) throw new Error(`etcd answered ${name} with ${status}: ${body}`);
  return JSON.parse(body) as Record<string, unknown>;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
