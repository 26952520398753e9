// How long changes take to reach the streams: one after the other, each to all of them, or at a steady pace. Changes
// are sent by the process that hears of them, so that one clock says how long it took.

import { type Message, send } from "../support/send.ts";
import { type Tail, tailOf } from "../support/statistics.ts";
import type { Frame } from "./socket.ts";
import type { WatchStreams } from "./streams.ts";

interface ChangesToFanOut {
  /** Where a PUT makes the change. */
  readonly url: string;
  readonly body: string;
  readonly headers?: Message["headers"];
  readonly changes: number;
}

interface PacedChanges {
  readonly url: string;
  readonly dataBytes: number;
  readonly changes: number;
  readonly everyMs: number;
}

const dataField = Buffer.from('"data":"');
/** The data begins with the number of its change. */
const numberLength = 8;

export class Deliveries {
  readonly #streams: WatchStreams;

  constructor(streams: WatchStreams) {
    this.#streams = streams;
  }

  /** Each change is sent when every stream has the one before. */
  async fanOut({ url, body, headers = {}, changes }: ChangesToFanOut) {
    const ms: number[] = [];
    let bytesPerMessage = 0;
    for (let change = 0; change < changes; change += 1) {
      const startedMs = performance.now();
      const heard = this.#heardByAll();
      const answered = send(url, { method: "PUT", body, headers });
      const { atMs, bytes } = await heard;
      ms.push(atMs - startedMs);
      bytesPerMessage = bytes;
      await answered;
    }
    return { ms, bytesPerMessage };
  }

  #heardByAll(): Promise<{ atMs: number; bytes: number }> {
    let left = this.#streams.count;
    return new Promise((resolve, reject) => {
      const onChange = (frame: Frame) => {
        left -= 1;
        if (left === 0) resolve({ atMs: performance.now(), bytes: lengthOf(frame) });
      };
      this.#streams.listen(onChange, reject);
    });
  }

  /** Changes are sent whether or not those before have arrived. */
  async pace({ url, dataBytes, changes, everyMs }: PacedChanges): Promise<{ delivery: Tail; answer: Tail }> {
    const sentMs: number[] = [];
    const deliveryMs: number[] = [];
    const answerMs: number[] = [];
    const delivered = new Promise<void>((resolve, reject) => {
      const deliveries = changes * this.#streams.count;
      const onChange = (frame: Frame) => {
        deliveryMs.push(performance.now() - (sentMs[numberIn(frame)] as number));
        if (deliveryMs.length === deliveries) resolve();
      };
      this.#streams.listen(onChange, reject);
    });
    const answered = everyInterval(everyMs, changes, async (number) => {
      const body = String(number).padStart(numberLength, "0").padEnd(dataBytes, "x");
      sentMs[number] = performance.now();
      await send(url, { method: "PUT", body });
      answerMs.push(performance.now() - (sentMs[number] as number));
    });
    await Promise.all([delivered, answered]);
    return { delivery: tailOf(deliveryMs), answer: tailOf(answerMs) };
  }
}

/** Without what came before it on the wire: the end of one HTTP chunk and the length of the next. */
function lengthOf({ bytes, start, end }: Frame): number {
  return end - bytes.indexOf("id: ", start);
}

function numberIn({ bytes, start }: Frame): number {
  const at = bytes.indexOf(dataField, start) + dataField.length;
  return Number(bytes.toString("latin1", at, at + numberLength));
}

async function everyInterval(
  everyMs: number,
  times: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  const works: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      works.push(work(works.length));
      if (works.length < times) return;
      clearInterval(timer);
      resolve();
    }, everyMs);
  });
  await Promise.all(works);
}
