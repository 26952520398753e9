// A sink that keeps what it is given, and can be held as a reader who stopped reading holds a socket.

import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Sink } from "../../src/told/sink.ts";

export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: Record<string, unknown>;
}

export class RecordingSink implements Sink {
  readonly frames: Uint8Array[] = [];
  bufferedBytes = 0;
  bufferedBytesMost = 0;
  isEnded = false;
  isAborted = false;
  #isHeld = false;
  readonly #highWaterMark: number;

  constructor(highWaterMark = 1) {
    this.#highWaterMark = highWaterMark;
  }

  write(frame: Uint8Array): boolean {
    if (this.isEnded) throw new Error("a frame was written after the end");
    this.frames.push(frame);
    if (!this.#isHeld) return true;
    this.bufferedBytes += frame.byteLength;
    this.bufferedBytesMost = Math.max(this.bufferedBytesMost, this.bufferedBytes);
    return this.bufferedBytes < this.#highWaterMark;
  }

  end(): void {
    this.isEnded = true;
  }

  abort(): void {
    this.isEnded = true;
    this.isAborted = true;
  }

  /** The reader stops reading. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The reader takes all that waits, and stops again. */
  readOnce(stream: { drained(): void }): void {
    this.bufferedBytes = 0;
    stream.drained();
  }

  /** The reader reads again. */
  release(stream: { drained(): void }): void {
    this.#isHeld = false;
    this.readOnce(stream);
  }

  get text(): string {
    return Buffer.concat(this.frames).toString();
  }

  /** Every event, as an SSE parser reads it. */
  get events(): SentEvent[] {
    return parseEvents(this.text);
  }

  named(name: string): SentEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** `type path` of everything told in changes, in order. */
  get changes(): string[] {
    return this.named("change").flatMap(({ data }) => changesOf(data));
  }

  /** The zxids of changes, in order. */
  get changeZxids(): number[] {
    return this.named("change").map(({ data }) => data.zxid as number);
  }
}

export function parseEvents(text: string): SentEvent[] {
  const events: SentEvent[] = [];
  const onEvent = ({ id, event, data }: EventSourceMessage) => {
    events.push({ id, event, data: JSON.parse(data) as Record<string, unknown> });
  };
  createParser({ onEvent }).feed(text);
  return events;
}

export interface ChangeEvent {
  readonly type: string;
  readonly path: string;
  readonly data?: string;
  readonly stat: Record<string, unknown>;
}

export function changeEventsOf(data: Record<string, unknown>): ChangeEvent[] {
  return data.events as ChangeEvent[];
}

function changesOf(data: Record<string, unknown>): string[] {
  return changeEventsOf(data).map(({ type, path }) => `${type} ${path}`);
}
