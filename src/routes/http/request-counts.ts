// How requests were answered: how often with which status and how fast, by the route that answered them, and why they
// were refused. Routes are named by their patterns, of which there are so many and no more, whatever clients ask for. To
// count one is an addition in memory that is there already: all of it is on the path of every request.

import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { ErrorCode } from "../../core/errors.ts";
import { Histogram, timeBoundsMs } from "../../histogram.ts";
import type { AnswerStep, RequestStep } from "./every-request.ts";
import { codeOf, problemKinds } from "./problems.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** When it was first heard of, by the monotonic clock; 0 until then. */
    heardAtMs: number;
    /** Where it is counted, from its handler on; null before. */
    countedAt: RouteCounts | null;
  }
  interface FastifyContextConfig {
    counts?: RouteCounts;
  }
}

/** Totals count since the start. */
export interface RequestsStats {
  readonly answeredTotal: number;
  /** Of these, the ones with a status of 400 to 499, and with one of 500 and above. */
  readonly clientFaultsTotal: number;
  readonly serverFaultsTotal: number;
  /** What could not be read as a request at all. */
  readonly unreadableTotal: number;
}

/** Statuses that are counted by themselves: those of problems, and what else there may be; 0 stands for any other. */
const statuses: readonly number[] = [
  0,
  ...new Set([
    ...[200, 201, 202, 204, 206, 302, 304, 408, 411, 414, 415, 417, 431],
    ...Object.values(problemKinds).map(({ status }) => status),
  ]),
];
const slots = new Uint8Array(600);
for (const [slot, status] of statuses.entries()) slots[status] = slot;

/** Of one route, or of all requests that no route was there for. */
export class RouteCounts {
  readonly method: string;
  /** Its pattern; empty for those without. */
  readonly route: string;
  readonly durationMs = new Histogram(timeBoundsMs);
  readonly #byStatus = new Float64Array(statuses.length);

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  /** This is on the path of every request. */
  answered(status: number): void {
    (this.#byStatus[slots[status] ?? 0] as number) += 1;
  }

  /** Statuses it was answered with, and how often; 0 for all that are not counted by themselves. */
  byStatus(): { readonly status: number; readonly count: number }[] {
    const all = statuses.map((status, slot) => ({ status, count: this.#byStatus[slot] as number }));
    return all.filter(({ count }) => count > 0);
  }
}

export class RequestCounts {
  /** Of each route, and first of none. */
  readonly routes: RouteCounts[] = [new RouteCounts("any", "")];
  /** Answers that were problem documents, by their codes. */
  readonly problems = new Map<ErrorCode, number>();
  #unreadable = 0;

  constructor() {
    for (const code of Object.keys(problemKinds) as ErrorCode[]) this.problems.set(code, 0);
  }

  /** Call before any route is added. */
  follow(app: FastifyInstance): void {
    app.decorateRequest("heardAtMs", 0);
    app.decorateRequest("countedAt", null);
    app.addHook("onRoute", (route) => this.#add(route));
  }

  /** What the router knows of a route is dear to ask for, so its handler says where it is counted. */
  #add(route: RouteOptions): void {
    const { method, url, handler } = route;
    const counts = new RouteCounts(typeof method === "string" ? method : "other", url);
    this.routes.push(counts);
    route.config = { ...route.config, counts };
    route.handler = function handleCounted(request, reply) {
      // One for HEAD hands over to that for GET, and comes first.
      request.countedAt ??= counts;
      return handler.call(this, request, reply);
    };
  }

  /** The first step of all. */
  readonly hear: RequestStep = (request) => {
    request.heardAtMs = performance.now();
    return true;
  };

  /** The last step of all, when status and length of the answer are there. */
  readonly answer: AnswerStep = (request, reply, payload) => {
    const counts = request.countedAt ?? this.#countsOf(request);
    const { statusCode } = reply;
    counts.answered(statusCode);
    counts.durationMs.observe(performance.now() - request.heardAtMs);
    if (statusCode >= 400) this.#countProblem(codeOf(reply));
    return payload;
  };

  /** What was refused where no steps are passed. */
  answeredOutside(status: number, code: ErrorCode): void {
    this.#ofNone.answered(status);
    this.#countProblem(code);
  }

  /** What came was no request, and got an answer all the same. */
  unreadable(): void {
    this.#unreadable += 1;
  }

  stats(): RequestsStats {
    let [answeredTotal, clientFaultsTotal, serverFaultsTotal] = [0, 0, 0];
    for (const counts of this.routes) {
      for (const { status, count } of counts.byStatus()) {
        answeredTotal += count;
        if (status >= 500) serverFaultsTotal += count;
        else if (status >= 400) clientFaultsTotal += count;
      }
    }
    return { answeredTotal, clientFaultsTotal, serverFaultsTotal, unreadableTotal: this.#unreadable };
  }

  get #ofNone(): RouteCounts {
    return this.routes[0] as RouteCounts;
  }

  /** Of a request that was refused before its handler. */
  #countsOf(request: FastifyRequest): RouteCounts {
    return request.routeOptions.config?.counts ?? this.#ofNone;
  }

  #countProblem(code: ErrorCode | undefined): void {
    if (code !== undefined) this.problems.set(code, (this.problems.get(code) ?? 0) + 1);
  }
}

/** A stream of events takes the reply over, and passes no further step. How long it lasts is no duration of an answer. */
export function countStreamBegun({ request }: FastifyReply): void {
  request.countedAt?.answered(200);
}
