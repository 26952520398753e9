// Clients that take nothing of what they are sent: after a time their connection ends, over HTTP/2 their stream. Without
// that, whoever asks and never reads would hold what was made for him for ever. Whoever takes anything within the time stays,
// as far as his system acknowledges it to ours. It is counted in looks, not in time: after a pause of the whole process
// everybody has a full time again.

import type { Server } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./clock.ts";
import { inodeOf, sendQueues } from "./send-queues.ts";

const looksMax = 4;

/** Bytes that may take a time each, where a large piece was handed over as one. */
const bytesPerTime = 262_144;

interface SendLimits {
  /** Time in which a client takes some of what it is sent. */
  readonly sendTimeoutMs: number;
}

/** What is being sent to one client, and how often nothing of it had moved. */
abstract class Sending {
  #looks = 0;

  /** Bytes handed over that the client has not taken. */
  protected abstract readonly waitingBytes: number;
  /** Whether any were taken since the last look. */
  protected abstract hasMoved(): boolean;
  abstract end(): void;

  /** Whether it waits for nothing, or has moved since the last look. */
  isWell(): boolean {
    const isWell = this.hasMoved() || this.waitingBytes === 0;
    if (isWell) this.#looks = 0;
    return isWell;
  }

  /** Looks closer at one that is not. */
  look(queues: ReadonlyMap<number, number>): void {
    if (this.waitingBytes === 0) return;
    if (this.queueHasMoved(queues)) {
      this.#looks = 0;
      return;
    }
    this.#looks += 1;
    if (this.#looks > looksMax * Math.max(1, Math.ceil(this.waitingBytes / bytesPerTime))) this.end();
  }

  /** Whether less is on the way than at the last look, though nothing more could be handed over. */
  protected queueHasMoved(_queues: ReadonlyMap<number, number>): boolean {
    return false;
  }
}

class SocketSending extends Sending {
  readonly #socket: Socket;
  #sentBytes = 0;
  /** Bytes in the system's queue at the last look, where it did not move otherwise. */
  #queuedBytes: number | undefined;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  protected get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  protected hasMoved(): boolean {
    if (this.#socket.writableLength === 0) return true;
    const before = this.#sentBytes;
    this.#sentBytes = this.#socket.bytesWritten - this.#socket.writableLength;
    if (this.#sentBytes !== before) this.#queuedBytes = undefined;
    return this.#sentBytes !== before;
  }

  protected override queueHasMoved(queues: ReadonlyMap<number, number>): boolean {
    const before = this.#queuedBytes;
    const inode = inodeOf(this.#socket);
    this.#queuedBytes = inode === undefined ? undefined : queues.get(inode);
    return before !== undefined && this.#queuedBytes !== undefined && this.#queuedBytes < before;
  }

  end(): void {
    this.#socket.destroy();
  }
}

/** A stream does not say how many bytes it has sent: it moves when it waits for fewer, or asks for more. */
class StreamSending extends Sending {
  readonly #stream: ServerHttp2Stream;
  #waitingBefore = 0;
  #hasDrained = false;

  constructor(stream: ServerHttp2Stream) {
    super();
    this.#stream = stream;
    stream.on("drain", () => {
      this.#hasDrained = true;
    });
  }

  protected get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  protected hasMoved(): boolean {
    const waiting = this.#stream.writableLength;
    const hasMoved = this.#hasDrained || waiting < this.#waitingBefore;
    this.#waitingBefore = waiting;
    this.#hasDrained = false;
    return hasMoved;
  }

  end(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}

/** Returns a function that stops looking. */
export function endStillReaders(server: Server, clock: Clock, { sendTimeoutMs }: SendLimits): () => void {
  const sendings = new Set<Sending>();
  const follow = (connection: Socket | ServerHttp2Stream, sending: Sending) => {
    sendings.add(sending);
    connection.once("close", () => sendings.delete(sending));
  };
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => follow(socket, new SocketSending(socket)));
  }
  server.on("stream", (stream: ServerHttp2Stream) => follow(stream, new StreamSending(stream)));
  let queues: ReturnType<typeof sendQueues> | null = null;
  const lookAtAll = async () => {
    const unwell: Sending[] = [];
    await inTurns([...sendings], (sending) => {
      if (!sending.isWell()) unwell.push(sending);
    });
    if (unwell.length === 0) return;
    // However short the time is, the system is asked once at a time.
    queues ??= sendQueues().finally(() => {
      queues = null;
    });
    const known = await queues;
    await inTurns(unwell, (sending) => sending.look(known));
  };
  let cancel = () => {};
  const lookLater = () => {
    cancel = clock.setTimer(sendTimeoutMs / looksMax, () => {
      void lookAtAll();
      lookLater();
    });
  };
  lookLater();
  return () => cancel();
}

const sendingsAtOnce = 200;

/** There may be tens of thousands: others have their turn between. */
async function inTurns(sendings: readonly Sending[], look: (sending: Sending) => void): Promise<void> {
  for (const [index, sending] of sendings.entries()) {
    if (index > 0 && index % sendingsAtOnce === 0) await nextTurn();
    look(sending);
  }
}
