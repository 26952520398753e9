// HTTP over a bare socket that is kept, one request at a time: what a client costs beside a server on the same cores
// is to be as little as it can. It reads answers that say their length, and no others.

import { connect, type Socket } from "node:net";

export interface HttpAnswer {
  readonly status: number;
  /** Bytes as characters: JSON in ASCII is all that is sent here. */
  readonly body: string;
}

interface Waiting {
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: Error) => void;
}

const headEnd = "\r\n\r\n";

export class HttpSocket {
  readonly #socket: Socket;
  readonly #host: string;
  #waiting: Waiting | undefined;
  #rest = "";
  #received = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#host = `127.0.0.1:${port}`;
    socket.setEncoding("latin1").on("data", (piece) => this.#read(String(piece)));
    socket.on("error", (error) => this.#lost(error));
    socket.on("close", () => this.#lost(new Error("A connection was closed.")));
  }

  static connect(port: number): Promise<HttpSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new HttpSocket(socket, port));
      });
    });
  }

  /** Answers so far. */
  get received(): number {
    return this.#received;
  }

  /** @param headers whole lines, each with its end */
  request(method: string, target: string, headers = "", body = ""): Promise<HttpAnswer> {
    if (this.#waiting !== undefined) throw new Error("A connection carries one request at a time.");
    const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(
        `${method} ${target} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}${length}\r\n${body}`,
        "latin1",
      );
    });
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #lost(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #read(piece: string): void {
    this.#rest += piece;
    const answer = answerIn(this.#rest);
    if (answer === undefined) return;
    this.#rest = "";
    this.#received += 1;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }
}

/** Undefined while it is not whole. */
function answerIn(text: string): HttpAnswer | undefined {
  const end = text.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  const body = text.slice(end + headEnd.length);
  if (status === 204) return { status, body: "" };
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`An answer does not say its length: ${head}`);
  return body.length < Number(length) ? undefined : { status, body };
}
