// GET /v1/services/{service}/events: the instances of a service as they come, change and go, as Server-Sent Events (API
// section 6). It is a watch like any other, told in words of its own; what is sent, and when, is decided in `watches/`.

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { validateResourceName } from "../../core/coordination/coordination-syntax.ts";
import { servicePath } from "../../core/coordination/instances.ts";
import { InstanceSelection } from "../../watches/instance-selection.ts";
import { countStream } from "../http/connection-share.ts";
import { acceptsEventStream, beginEventStream, connectReader } from "../http/sse.ts";
import { callerOf } from "../wire/callers.ts";
import { reach } from "../wire/freshness.ts";
import {
  exampleView,
  filterMembers,
  filterOf,
  instance,
  metadataParameters,
  serviceParameter,
} from "../wire/instance-schemas.ts";
import type { RouteParts } from "../wire/parts.ts";
import { problems } from "../wire/schemas.ts";
import {
  eventStream,
  eventsOfAll,
  eventZxid,
  streamBookmark,
  streamHeaders,
  streamReset,
  streamSynced,
  transactionMembers,
} from "../wire/stream-schemas.ts";
import { assertCanStart, readerOf, resumeMembers, resumePointOf } from "../wire/stream-start.ts";
import { assertReads } from "./holder-events.ts";

export function serviceEventRoutes(plainApp: FastifyInstance, { watches, store }: RouteParts): void {
  plainApp.withTypeProvider<TypeBoxTypeProvider>().get(
    "/v1/services/:service/events",
    {
      schema: { ...eventsSchema, querystring: eventsQuery },
      config: { takesTicket: true },
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const { query, headers } = request;
      const { service } = request.params;
      validateResourceName(service);
      assertReads(callerOf(request), servicePath(service));
      const filter = filterOf(query);
      const resume = resumePointOf(query, headers);
      const start = resume ?? ({ kind: "now", initial: true } as const);
      if (start.kind === "after") await reach(start.zxid, store, reply);
      if (!acceptsEventStream(headers.accept)) assertCanStart(start, watches, "Begin anew without it.");
      watches.assertOpens();
      const { bookmarkMs, heartbeatMs } = query;
      const whose = readerOf(request, store);
      assertReads(whose.context, servicePath(service));
      const selection = new InstanceSelection(service, filter, whose.context.permits);
      countStream(reply);
      const sink = beginEventStream(reply, store);
      const stream = watches.open({ selection, start, once: false, bookmarkMs, heartbeatMs, ...whose }, sink);
      connectReader(reply.raw, sink, stream);
    },
  );
}

const eventsQuery = Type.Object(
  { ...filterMembers, ...resumeMembers },
  { patternProperties: metadataParameters, additionalProperties: false },
);

const change = { zxid: 1042, timeMs: 1_700_000_000_000, cause: "request", instance: exampleView };
const exampleEvents = [
  "retry: 1734\n",
  'event: snapshot\ndata: {"zxid":1040,"instances":[]}\n\n',
  'id: 1040.3f9a01c2d4\nevent: synced\ndata: {"zxid":1040}\n\n',
  `id: 1042.3f9a01c2d4\nevent: added\ndata: ${JSON.stringify(change)}\n\n`,
].join("");

const instancesSnapshot = Type.Object(
  { zxid: eventZxid, instances: Type.Array(instance) },
  { title: "InstancesSnapshot", description: "A page of the instances there are now." },
);

const instanceChange = Type.Object(
  { ...transactionMembers, instance },
  { title: "InstanceChange", description: "The instance as it is now, or for `removed` as it last was." },
);

const events = {
  snapshot: instancesSnapshot,
  synced: streamSynced,
  ...{ added: instanceChange, updated: instanceChange, removed: instanceChange },
  ...{ bookmark: streamBookmark, reset: streamReset, ...eventsOfAll },
};

const eventsSchema = {
  operationId: "watchService",
  summary: "The instances of a service, as Server-Sent Events",
  description:
    "`snapshot` and `synced`: those there are now, in pages, and the end of them. Then `added`, `updated` and `removed`, " +
    "one for each instance. With a filter an instance that begins to fit it is `added`, and one that no longer does " +
    "is `removed`, and shown as it last was. Of several in one transaction the last has the id. `bookmark`, `reset`, " +
    "`bye`, `suspended` and `connected` are those of `GET /v1/watch`, and so is resuming with `Last-Event-ID` or `sinceZxid`: then there is no " +
    "snapshot. `tag`, `state`, `zone` and `meta` select; `meta.<name>=<value>` is the same as `meta=<name>=<value>`.",
  tags: ["services"],
  params: serviceParameter,
  headers: streamHeaders,
  response: {
    200: eventStream(exampleEvents, events),
    ...problems("bad_path", "history_trimmed", "throttled"),
  },
};
