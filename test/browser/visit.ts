// One open page and what its streams hear, as the browser itself passes it on. It waits for what comes and asserts
// nothing.

import type { Browser, Page, Response } from "playwright-core";
import type { Site } from "./site.ts";

/** Nothing here may take longer; a reconnect takes up to three seconds. */
const heardWithinMs = 15_000;

/** What a stream of the page told: a message by its event's name, or that the stream has opened or failed. */
export interface Heard {
  readonly name: string;
  /** The `lastEventId` of a message. */
  readonly id: string;
  /** Its data. */
  readonly text: string;
  /** The state of the EventSource then: 0 connecting, 1 open, 2 closed for good. */
  readonly readyState: number;
}

interface Told extends Heard {
  readonly number: number;
}

/** How the service answered a request for a stream. */
export interface StreamAnswer {
  readonly status: number;
  readonly lastEventId: string | undefined;
  readonly httpVersion: string;
}

/** What a page is told of a request: an answer, or the name of the error that keeps it from one. */
export interface PageAnswer {
  readonly status?: number;
  readonly zxid?: string | null;
  readonly refused?: string;
}

export class Visit {
  readonly #page: Page;
  readonly #streams: PageStream[] = [];
  readonly #answers: Promise<StreamAnswer>[] = [];

  private constructor(page: Page) {
    this.#page = page;
    page.on("response", (response) => {
      if (isOfStream(response)) this.#answers.push(streamAnswerOf(response));
    });
  }

  /** Opens the site's page as somebody who was never there: nothing cached, no connection shared. */
  static async open(browser: Browser, site: Site): Promise<Visit> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const visit = new Visit(page);
    await page.exposeFunction("tell", ({ number, ...heard }: Told) => visit.#streams[number]?.hear(heard));
    await page.goto(site.origin);
    return visit;
  }

  async close(): Promise<void> {
    await this.#page.context().close();
  }

  /** `new EventSource(url)`, with a listener for every kind of message. */
  async listen(url: string): Promise<PageStream> {
    return await this.#begin("listen", url);
  }

  /** The example of the documentation; each time it shows its znodes is heard as `shown`. */
  async follow(serviceUrl: string, path: string): Promise<PageStream> {
    return await this.#begin("followExample", serviceUrl, path);
  }

  async #begin(name: string, ...values: readonly string[]): Promise<PageStream> {
    const number = this.#streams.length;
    const stream = new PageStream(() => this.#evaluate(`sources.get(${number}).close()`));
    this.#streams.push(stream);
    await this.#evaluate(`${name}(${[number, ...values].map((value) => JSON.stringify(value)).join(", ")})`);
    return stream;
  }

  /** `fetch(url, options)`, as the page sees it end. */
  async request(url: string, options: Readonly<Record<string, unknown>> = {}): Promise<PageAnswer> {
    return (await this.#evaluate(
      `request(${JSON.stringify(url)}, ${JSON.stringify(options)})`,
    )) as PageAnswer;
  }

  /** Until a request for a stream, made from here on, is answered with that status. */
  async untilStreamAnswer(status: number): Promise<void> {
    await this.#page.waitForResponse((response) => isOfStream(response) && response.status() === status, {
      timeout: heardWithinMs,
    });
  }

  /** Every answer to a request for a stream so far, in order. */
  async streamAnswers(): Promise<StreamAnswer[]> {
    return await Promise.all(this.#answers);
  }

  async #evaluate(expression: string): Promise<unknown> {
    return await this.#page.evaluate(expression);
  }
}

function isOfStream(response: Response): boolean {
  return new URL(response.url()).pathname === "/v1/watch";
}

/** Of an id of a stream, without the epoch that the number belongs to. */
function numberOf(id: string | undefined): string | undefined {
  return id?.split(".")[0];
}

async function streamAnswerOf(response: Response): Promise<StreamAnswer> {
  const headers = await response.request().allHeaders();
  const httpVersion = await response.httpVersion();
  return { status: response.status(), lastEventId: numberOf(headers["last-event-id"]), httpVersion };
}

export class PageStream {
  readonly heard: Heard[] = [];
  readonly close: () => Promise<unknown>;
  #next = Promise.withResolvers<void>();

  constructor(close: () => Promise<unknown>) {
    this.close = close;
  }

  hear(heard: Heard): void {
    this.heard.push(heard);
    const next = this.#next;
    this.#next = Promise.withResolvers();
    next.resolve();
  }

  get names(): string[] {
    return this.heard.map(({ name }) => name);
  }

  named(name: string): Heard[] {
    return this.heard.filter((heard) => heard.name === name);
  }

  /** Of each change the number of its id and the data of its znodes, in order. */
  get changes(): string[] {
    return this.named("change").map(({ id, text }) => `${numberOf(id)} ${dataOf(text)}`);
  }

  async until(isMet: () => boolean): Promise<void> {
    const timer = setTimeout(() => this.#next.reject(new Error(this.#summary)), heardWithinMs);
    try {
      while (!isMet()) await this.#next.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Until the event came that often. */
  async untilEvent(name: string, count = 1): Promise<Heard> {
    await this.until(() => this.named(name).length >= count);
    return this.named(name)[count - 1] as Heard;
  }

  get #summary(): string {
    const heard = this.heard.map(({ name, id, text }) => [name, id, text.slice(0, 100)]);
    return `what was waited for did not come; there came ${JSON.stringify(heard)}`;
  }
}

function dataOf(text: string): string {
  const { events } = JSON.parse(text) as { events: { data?: string }[] };
  return events.map(({ data = "" }) => data).join(",");
}
