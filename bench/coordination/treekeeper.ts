// A client of treekeeper's locks: a claim that waits, and its release.

import { type HttpAnswer, HttpSocket } from "../support/http-socket.ts";
import type { Connecting, LockClient } from "./client.ts";

export class TreekeeperClient implements LockClient {
  readonly #http: HttpSocket;
  readonly #session: string;
  readonly #token: string;
  #claim = "";

  private constructor(http: HttpSocket, { id, token }: { readonly id: string; readonly token: string }) {
    this.#http = http;
    this.#session = `/v1/sessions/${id}`;
    this.#token = `Session-Token: ${token}\r\n`;
  }

  static async connect({ port, sessionTimeoutMs }: Connecting): Promise<TreekeeperClient> {
    const http = await HttpSocket.connect(port);
    const answer = await http.request("POST", "/v1/sessions", "", `{"timeoutMs":${sessionTimeoutMs}}`);
    return new TreekeeperClient(http, JSON.parse(expected(answer, 201)));
  }

  get received(): number {
    return this.#http.received;
  }

  async acquire(lock: string): Promise<void> {
    const claims = `/v1/locks/${lock}/claims`;
    const answer = await this.#http.request("POST", claims, this.#token, '{"waitMs":60000}');
    const { id } = JSON.parse(expected(answer, 201)) as { readonly id: string };
    this.#claim = `${claims}/${id}`;
  }

  async release(): Promise<void> {
    expected(await this.#http.request("DELETE", this.#claim, this.#token), 204);
  }

  async heartbeat(): Promise<void> {
    expected(await this.#http.request("PUT", this.#session, this.#token), 200);
  }

  async contenders(lock: string): Promise<number> {
    const answer = await this.#http.request("GET", `/v1/locks/${lock}?limit=1`, this.#token);
    const { holderCount, waitingCount } = JSON.parse(expected(answer, 200)) as Record<string, number>;
    return (holderCount as number) + (waitingCount as number);
  }

  async close(): Promise<void> {
    await this.#http.request("DELETE", this.#session, this.#token).catch(() => {});
    this.#http.close();
  }
}

function expected({ status, body }: HttpAnswer, wanted: number): string {
  if (status === wanted) return body;
  throw new Error(`treekeeper answered ${status}, not ${wanted}: ${body}`);
}
