// The writing thread as the event loop sees it: what is asked of it, what it answers, and in which state it is. Log and
// tables share it, since they are in one file. Once the outcome of something is unknown it answers nothing more.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type LogState, OutcomeUnknownError } from "../commit-log.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Answers, FromWriter, Request, ToWriter, WriterData } from "./messages.ts";

/** Who hears what the thread says by itself. */
type Listener<Type extends FromWriter["type"]> = (message: FromWriter & { readonly type: Type }) => void;

/** Log and tables each let go of the thread; it ends with the last of them. */
const usersCount = 2;

export class WriterThread {
  readonly data: WriterData;
  readonly #directory: DataDirectory;
  readonly #worker: Worker;
  readonly #requests = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #listeners = new Map<string, Listener<FromWriter["type"]>[]>();
  readonly #stateListeners: ((state: LogState) => void)[] = [];
  #state: LogState = { state: "connected" };
  #nextId = 1;
  #users = usersCount;
  #closing: Promise<void> | null = null;

  constructor(directory: DataDirectory, data: WriterData) {
    this.#directory = directory;
    this.data = data;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: data });
    this.#worker.on("message", (message: FromWriter) => this.#hear(message));
  }

  /** Resolves when the thread has the file; what it says first is heard by those who listen already. */
  async start(): Promise<void> {
    await once(this.#worker, "message");
    this.#worker.on("error", (error) => this.fail(`The writing thread stopped: ${String(error)}`));
    this.#worker.on("exit", () => {
      if (this.#closing === null) this.fail("The writing thread ended by itself.");
    });
  }

  get state(): LogState {
    return this.#state;
  }

  send(message: ToWriter, moved: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, moved);
  }

  /** @throws OutcomeUnknownError, or Error when the thread refuses */
  ask<Type extends Request["type"]>(
    request: Request & { readonly type: Type },
    moved: ArrayBuffer[] = [],
  ): Promise<Answers[Type]> {
    if (this.#closing !== null || this.#state.state === "failed") {
      return Promise.reject(new OutcomeUnknownError("The store is closed or has failed."));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = Promise.withResolvers<Answers[Type]>();
    this.#requests.set(id, answer as PromiseWithResolvers<unknown>);
    this.send({ type: "request", id, request }, moved);
    return answer.promise;
  }

  on<Type extends FromWriter["type"]>(type: Type, listener: Listener<Type>): void {
    const listeners = this.#listeners.get(type) ?? [];
    this.#listeners.set(type, [...listeners, listener as Listener<FromWriter["type"]>]);
  }

  /** A listener hears at once of a state that is not `connected`. */
  onState(listener: (state: LogState) => void): void {
    this.#stateListeners.push(listener);
    if (this.#state.state !== "connected") listener(this.#state);
  }

  /** Resolves at once while somebody else uses the thread, else when it has ended and the directory is free. */
  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    // A worker that is gone already says nothing more.
    if (this.#worker.threadId !== -1) {
      const exit = new Promise((resolve) => this.#worker.once("exit", resolve));
      this.send({ type: "close" });
      await exit;
    }
    this.#rejectAll("The store was closed.");
    this.#directory.release();
  }

  #hear(message: FromWriter): void {
    if (this.#state.state === "failed") return;
    if (message.type === "answer") this.#take(message.id)?.resolve(message.value);
    else if (message.type === "refused") this.#take(message.id)?.reject(new Error(message.cause));
    else if (message.type !== "state") this.#tell(message);
    else if (message.state.state === "failed") this.fail(message.state.cause);
    else this.#changeState(message.state);
  }

  #tell(message: FromWriter): void {
    for (const listener of this.#listeners.get(message.type) ?? []) listener(message);
  }

  #take(id: number): PromiseWithResolvers<unknown> | undefined {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }

  fail(cause: string): void {
    if (this.#state.state === "failed") return;
    this.#changeState({ state: "failed", cause });
    this.#rejectAll(cause);
  }

  #rejectAll(cause: string): void {
    for (const answer of this.#requests.values()) answer.reject(new OutcomeUnknownError(cause));
    this.#requests.clear();
  }

  #changeState(state: LogState): void {
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}
