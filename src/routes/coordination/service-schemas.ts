// Services on the wire: what may be asked of them, and what is answered.

import { Type } from "typebox";
import { afterName } from "../wire/cursors.ts";
import {
  exampleView,
  filterMembers,
  instance,
  instanceParameters,
  metadataParameters,
  registeredInstance,
  serviceParameter,
} from "../wire/instance-schemas.ts";
import {
  json,
  locationHeader,
  pageLimit,
  problems,
  readHeaders,
  writeHeaders,
  writeProblems,
} from "../wire/schemas.ts";

export const instancesQuery = Type.Object(
  {
    ...filterMembers,
    limit: pageLimit("Instances in one page; fewer where many are left out, or where they say much."),
    after: afterName,
  },
  { patternProperties: metadataParameters, additionalProperties: false },
);

export const replaceQuery = Type.Object(
  {
    replace: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          "The fence of another session's instance of this id whose place it takes: of one's own from before a crash, " +
          "whose session has not ended yet.",
      }),
    ),
    force: Type.Boolean({
      default: false,
      description: "It takes the place of whoever has the id: for an operator. It is logged.",
    }),
  },
  { additionalProperties: false },
);

const tags = ["services"];
const next = Type.Optional(
  Type.String({ description: "There may be more: ask again with after set to this." }),
);

export const listSchema = {
  operationId: "listServices",
  summary: "The services there are",
  description: "Each znode under /services is one; it stays when its last instance has gone.",
  tags,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          services: Type.Array(
            Type.Object(
              {
                name: Type.String(),
                instanceCount: Type.Integer({
                  description: "Children of its znode: also those made by hand that are no instances.",
                }),
              },
              { title: "ServiceSummary" },
            ),
          ),
          next,
        },
        { title: "ServicePage" },
      ),
      "A page of services, in order of their names.",
      { services: [{ name: "web", instanceCount: 2 }] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

const filterDescription =
  "`tag`, `state`, `zone` and `meta` leave out those that are not all of it; `meta.<name>=<value>` is the same as " +
  "`meta=<name>=<value>`.";

export const getServiceSchema = {
  operationId: "getService",
  summary: "The instances of a service",
  description: `A service that nobody ever offered has none. ${filterDescription}`,
  tags,
  params: serviceParameter,
  headers: readHeaders,
  response: {
    200: json(
      Type.Object(
        {
          name: Type.String(),
          path: Type.String({ description: "The service's znode; its children are the instances." }),
          instances: Type.Array(instance),
          next,
        },
        { title: "Service" },
      ),
      "A page of instances, in order of their ids.",
      { name: "web", path: "/services/web", instances: [exampleView] },
    ),
    ...problems("bad_path", "session_expired"),
  },
};

export const getInstanceSchema = {
  operationId: "getInstance",
  summary: "One instance",
  description: "As it was registered, and by which session.",
  tags,
  params: instanceParameters,
  headers: readHeaders,
  response: {
    200: json(instance, "The instance.", exampleView),
    ...problems("bad_path", "no_instance", "session_expired"),
  },
};

const exampleWritten = { ...exampleView, validForMs: 10_000 };

export const registerSchema = {
  operationId: "registerInstance",
  needsSession: true as const,
  summary: "Register an instance, or what it is now",
  description:
    "It is there until it is deleted or its session ends. Sent again it is the same; what is left out has its default. " +
    "Where nothing is different, nothing is written and nobody is told. An id that another session has is refused, unless " +
    "`replace` or `force` says that its instance is to go: in the same transaction, told as `removed` and `added`.",
  tags,
  params: instanceParameters,
  headers: writeHeaders,
  response: {
    201: { ...json(registeredInstance, "It is registered.", exampleWritten), headers: locationHeader },
    200: json(registeredInstance, "It was, and is so now.", exampleWritten),
    ...problems(
      ...writeProblems,
      "session_required",
      "not_holder",
      "not_empty",
      "ephemeral_parent",
      "quota_exceeded",
      "too_large",
    ),
  },
};

export const changeSchema = {
  operationId: "changeInstance",
  needsSession: true as const,
  summary: "Change some of what an instance says of itself",
  description:
    "Members that are not named stay as they are; metadata is merged by name; null takes a member back to its default " +
    "(RFC 7396).",
  tags,
  params: instanceParameters,
  headers: writeHeaders,
  response: {
    200: json(registeredInstance, "It is so now.", exampleWritten),
    ...problems(
      ...writeProblems,
      "session_required",
      "no_instance",
      "not_holder",
      "quota_exceeded",
      "too_large",
    ),
  },
};

export const deregisterSchema = {
  operationId: "deregisterInstance",
  summary: "Take an instance away",
  description: "Harmless when repeated.",
  tags,
  params: instanceParameters,
  headers: writeHeaders,
  response: {
    204: { description: "It is not there.", type: "null" },
    ...problems(...writeProblems, "session_required", "not_holder", "not_empty"),
  },
};
