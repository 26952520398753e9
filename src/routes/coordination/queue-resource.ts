// What locks and elections are on the wire, since both are queues: a place is taken, looked at and given up, and those who
// stand first are listed and told of. The words are those of the resource.

import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import type { Logger } from "pino";
import type { Attendance } from "../../coordination/attendance.ts";
import type { Place, TakenPlace } from "../../coordination/queue-places.ts";
import { Ask } from "../../core/access/ask.ts";
import type { Claim } from "../../core/coordination/claim-queue.ts";
import type {
  ClaimLock,
  ReleaseClaim,
  Resign,
  StandForElection,
} from "../../core/coordination/coordination-command.ts";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { fenceHeaderOf } from "../../core/coordination/fence-header.ts";
import { type ClaimAddress, noClaim } from "../../core/coordination/plan-claims.ts";
import type { ReadonlyEpochs } from "../../core/epochs.ts";
import { type Reader, systemContextIn } from "../../core/reader.ts";
import { leaveUnanswered } from "../http/audit.ts";
import type { OpenStreams } from "../http/latest-streams.ts";
import { callerOf, renewCaller } from "../wire/callers.ts";
import { assertMayBeStale, takesStale } from "../wire/freshness.ts";
import { keyedContextsOf, noteReplay } from "../wire/idempotency.ts";
import { type NamesQuery, pageOfNames } from "../wire/name-pages.ts";
import {
  keptReaderFor,
  type RouteParts,
  recipeReaderFor,
  touchSession,
  writeContextOf,
} from "../wire/parts.ts";
import { type AttendParts, attend, attended } from "./attend.ts";
import { noteForced } from "./forced.ts";
import { HolderStreams } from "./holder-events.ts";

export type CoordinationParts = RouteParts & AttendParts & { readonly logger: Logger };

type Operation = "take" | "find" | "release" | "list" | "get" | "events";

/** What either kind of queue is called, and how its places are shown. */
interface QueueWords {
  /** The segment of the URL. */
  readonly plural: "locks" | "elections";
  /** The segment of the URL for places. */
  readonly places: "claims" | "candidates";
  /** The znode below which the queues are. */
  readonly root: string;
  readonly pathOf: (name: string) => string;
  readonly schemas: Readonly<Record<Operation, FastifySchema>>;
  readonly release: (name: string, id: string, force: boolean) => ReleaseClaim | Resign;
  /** What is said of a release by force: the words for the queue and the place, and a sentence. */
  readonly audit: { readonly queue: string; readonly place: string; readonly message: string };
  /** Whether the place holds. */
  readonly standingOf: (place: Place) => object;
  /** Who has a place, and what it says of itself. */
  readonly placeView: (reader: Reader, claim: Claim) => object;
  /** One of a page of queues. */
  readonly summary: (reader: Reader, name: string) => object;
  readonly view: (reader: Reader, name: string, limit: number) => object;
  /** What streams are told. */
  readonly event: string;
  readonly eventView: (reader: Reader, path: string) => object;
}

export interface QueueKind<Body extends Waiting> extends QueueWords {
  readonly take: (name: string, body: Partial<Body>) => ClaimLock | StandForElection;
}

interface Waiting {
  readonly waitMs?: number;
}

interface Named {
  readonly name: string;
}

interface NamedPlace extends Named {
  readonly id: string;
}

/** Returns the streams of those who stand first. */
export function queueResource<Body extends Waiting>(
  app: FastifyInstance,
  parts: CoordinationParts,
  kind: QueueKind<Body>,
): OpenStreams {
  const { plural, schemas } = kind;
  const streams = new HolderStreams(parts);
  const queue = `/v1/${plural}/:name`;
  const places = `${queue}/${kind.places}`;

  app.post<{ Params: Named; Body?: Body }>(places, { schema: schemas.take }, (request, reply) =>
    takePlace(request, reply, parts, kind),
  );
  app.get<FindPlace>(`${places}/:id`, { schema: schemas.find }, (request, reply) =>
    findPlace(request, reply, parts, kind),
  );
  app.delete<ReleasePlace>(`${places}/:id`, { schema: schemas.release }, (request, reply) =>
    releasePlace(request, reply, parts, kind),
  );
  app.get<{ Querystring: NamesQuery }>(`/v1/${plural}`, { schema: schemas.list }, async (request) => {
    touchSession(request, parts.sessions);
    const { store } = parts;
    const { views, ...next } = pageOfNames(keptReaderFor(request, store), kind.root, request.query, (name) =>
      kind.summary(recipeReaderFor(request, store, kind.pathOf(name)), name),
    );
    return { [plural]: views, ...next };
  });
  app.get<GetQueue>(queue, { schema: schemas.get }, async (request) => {
    const { name } = request.params;
    validateResourceName(name);
    touchSession(request, parts.sessions);
    return kind.view(recipeReaderFor(request, parts.store, kind.pathOf(name)), name, request.query.limit);
  });
  app.get<{ Params: Named }>(
    `${queue}/events`,
    { schema: schemas.events, config: { takesTicket: true }, exposeHeadRoute: false },
    (request, reply) => {
      const { name } = request.params;
      validateResourceName(name);
      const path = kind.pathOf(name);
      const context = renewCaller(request, parts.store);
      const keeper = systemContextIn(context.permits.root);
      const view = () => kind.eventView(parts.store.reader(keeper), path);
      streams.begin(reply, { event: kind.event, path, view, context });
    },
  );
  return streams;
}

interface FindPlace {
  Params: NamedPlace;
  Querystring: { waitMs: number };
}

interface ReleasePlace {
  Params: NamedPlace;
  Querystring: { force: boolean };
}

interface GetQueue {
  Params: Named;
  Querystring: { limit: number };
}

async function takePlace<Body extends Waiting>(
  request: FastifyRequest<{ Params: Named; Body?: Body }>,
  reply: FastifyReply,
  parts: CoordinationParts,
  kind: QueueKind<Body>,
) {
  const { name } = request.params;
  const body: Partial<Body> = request.body ?? {};
  validateResourceName(name);
  const command = kind.take(name, body);
  const context = keyedContextsOf(request, parts)();
  const waitMs = body.waitMs ?? 0;
  const asked = attend(request, reply, parts, { waitMs, path: kind.pathOf(name), verb: "coordinate" });
  const taken = await attended(asked, parts.coordination.queues.take(asked, { ...command, ...context }));
  if (taken === null) return leaveUnanswered(reply);
  noteReplay(reply, taken.commit);
  return sendPlace(reply, { name, kind, epochs: parts.store.epochs }, taken);
}

interface Told {
  readonly name: string;
  readonly kind: QueueWords;
  readonly epochs: ReadonlyEpochs;
}

function sendPlace(reply: FastifyReply, { name, kind, epochs }: Told, { place, validForMs }: TakenPlace) {
  const { id, path, fence } = place.claim;
  const { plural, places } = kind;
  reply.header("Location", `/v1/${plural}/${encodeURIComponent(name)}/${places}/${encodeURIComponent(id)}`);
  const facts = {
    id,
    fence,
    fenceHeader: fenceHeaderOf(epochs, path, fence),
    path,
    ...kind.standingOf(place),
  };
  if (!place.isHeld) return reply.code(202).send(facts);
  return reply.code(201).send({ ...facts, validForMs });
}

async function findPlace(
  request: FastifyRequest<FindPlace>,
  reply: FastifyReply,
  parts: CoordinationParts,
  kind: QueueWords,
) {
  const { name, id } = request.params;
  validateResourceName(name);
  const path = kind.pathOf(name);
  const { waitMs } = request.query;
  const verb = keptReaderFor(request, parts.store).mayRead(path) ? "read" : "coordinate";
  const { suspension } = parts.store;
  const asked = attend(request, reply, parts, { waitMs, path, verb, takesStale: takesStale(request) });
  refuseOthers(request, asked, parts, { path, id });
  const place = await attended(asked, parts.coordination.queues.find(asked, path, id));
  assertMayBeStale(request, suspension);
  const view = {
    ...kind.placeView(parts.store.reader(asked.context), place.claim),
    ...kind.standingOf(place),
  };
  const session = asked.session();
  const isOwn = session !== undefined && session.id === place.claim.owner;
  // How long the session lives nobody can say then.
  if (!isOwn || suspension.isOn) return view;
  const validForMs = await asked.validForMs();
  asked.assertMayBeTold();
  return { ...view, validForMs };
}

/** Whoever may not read the queue is told of its own place in it, and of no other. */
function refuseOthers(
  request: FastifyRequest,
  asked: Attendance,
  { store, coordination }: CoordinationParts,
  { path, id }: ClaimAddress,
): void {
  const { permits } = callerOf(request);
  new Ask(permits).requireAny(path, "read", "coordinate");
  if (keptReaderFor(request, store).mayRead(path)) return;
  const owner = coordination.queues.place(asked.context, path, id)?.claim.owner;
  const session = asked.session();
  if (session === undefined || owner !== session.id) throw noClaim(path, id);
}

async function releasePlace(
  request: FastifyRequest<ReleasePlace>,
  reply: FastifyReply,
  { store, sessions, logger }: CoordinationParts,
  kind: QueueWords,
) {
  const { name, id } = request.params;
  const { force } = request.query;
  validateResourceName(name);
  const context = writeContextOf(request, sessions);
  const { outcome } = await store.submit({ ...kind.release(name, id, force), ...context });
  if (force && outcome.owner !== undefined) {
    const { queue, place, message } = kind.audit;
    const what = { [queue]: name, [place]: id };
    noteForced(request, { what, owner: outcome.owner, context, message }, logger);
  }
  return reply.code(204).send();
}
