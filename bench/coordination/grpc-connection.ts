// gRPC over Node's own HTTP/2: a call is one message there and one back.

import { type ClientHttp2Session, connect } from "node:http2";

/** Before a message: whether it is compressed, and its length. */
const headBytes = 5;

export class GrpcConnection {
  readonly #session: ClientHttp2Session;
  #received = 0;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static open(port: number): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const session = connect(`http://127.0.0.1:${port}`);
      session.once("error", reject);
      session.once("connect", () => resolve(new GrpcConnection(session)));
    });
  }

  /** Answers so far. */
  get received(): number {
    return this.#received;
  }

  /** @param path `/package.Service/Method` */
  call(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const head = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
      const stream = this.#session.request(head);
      const pieces: Buffer[] = [];
      let status: unknown;
      // A refusal has its status in the head, anything else in the trailers.
      const look = (headers: Readonly<Record<string, unknown>>) => {
        status ??= headers["grpc-status"];
      };
      stream.on("response", look).on("trailers", look).on("error", reject);
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        this.#received += 1;
        if (status === "0") resolve(Buffer.concat(pieces).subarray(headBytes));
        else reject(new Error(`${path} was answered with gRPC status ${String(status)}.`));
      });
      stream.end(framed(message));
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(headBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headBytes);
  return frame;
}
