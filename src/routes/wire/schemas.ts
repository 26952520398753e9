// The shapes on the wire. They validate requests, serialise answers and are the OpenAPI document: what is written
// here once is true in all three. A named shape is registered under its `$id` and referred to by it.

import { type TSchema, Type } from "typebox";
import type { Stat } from "../../core/tree/stat.ts";
import { fixedLimits, named } from "../http/fixed-limits.ts";
import { problemKinds } from "../http/problems.ts";
import { aclAuthHeader } from "./acl-identities.ts";
import { type ShownAclEntry, shownAclEntry } from "./acl-schemas.ts";
import { claim } from "./claim-schema.ts";
import {
  fenceForm,
  idempotencyKeyForm,
  tagsForm,
  tokenForm,
  urlPathForm,
  urlPathOrPrefixForm,
} from "./text-forms.ts";

/** A reference to a named shape; the static type is stated beside it. */
function ref<T>(id: string) {
  return Type.Unsafe<T>({ $ref: `${id}#` });
}

const zxid = (description: string) => Type.Integer({ minimum: 0, description });
const epochMs = (description: string) => Type.Integer({ description });

const statSchema = Type.Object(
  {
    czxid: zxid("Transaction that created the znode. Another incarnation of the same path has another one."),
    mzxid: zxid("Transaction that last set the data."),
    pzxid: zxid("Transaction that last created or deleted a child."),
    ctimeMs: epochMs("Wall time of the creation; never use it for ordering."),
    mtimeMs: epochMs("Wall time of the last set; never use it for ordering."),
    version: Type.Integer({ description: "Sets since the creation." }),
    cversion: Type.Integer({ description: "Children created plus children deleted." }),
    aversion: Type.Integer({ description: "Changes of the access control list." }),
    ephemeralOwner: Type.Union([Type.String(), Type.Null()], {
      description: "Id of the session the znode lives with, or null.",
    }),
    dataLength: Type.Integer({ description: "Bytes of data." }),
    numChildren: Type.Integer({ description: "Direct children now." }),
    sequence: Type.Optional(Type.Integer({ description: "The number the server put into the name." })),
    ttlMs: Type.Optional(Type.Integer({ description: "The znode goes when idle and empty for this long." })),
    container: Type.Optional(Type.Boolean({ description: "The znode goes once its last child has gone." })),
  },
  { $id: "Stat" },
);

const writtenSchema = Type.Object(
  { path: Type.String(), stat: ref<Stat>("Stat") },
  { $id: "Written", description: "A znode as the write left it." },
);

const znodeSchema = Type.Object(
  {
    path: Type.String(),
    data: Type.Optional(Type.String({ description: "The data, where it is UTF-8 text." })),
    dataBase64: Type.Optional(Type.String({ description: "The data, where it is not." })),
    acl: Type.Optional(
      Type.Array(shownAclEntry, { description: "Its access control list, where it is not open to all." }),
    ),
    stat: Type.Optional(ref<Stat>("Stat")),
  },
  {
    $id: "Znode",
    description: "Exactly one of data and dataBase64 is there, unless data was not asked for.",
  },
);

export const importCounts = Type.Object(
  {
    created: Type.Integer({ description: "Znodes that were not there." }),
    replaced: Type.Integer({ description: "Znodes that were there and have the data of the line now." }),
    unchanged: Type.Integer({ description: "Znodes that were there with the same data." }),
    skipped: Type.Integer({ description: "Znodes that were there and were left as they are." }),
  },
  { title: "ImportCounts" },
);

const problemSchema = Type.Object(
  {
    type: Type.String({ description: "The code as a URN." }),
    title: Type.String({ description: "What the code means." }),
    status: Type.Integer({ description: "The status of the answer." }),
    detail: Type.String({ description: "One sentence that says what to do." }),
    code: Type.String({
      description:
        "What programs decide by. There may be others one day: a client that does not know a code goes by the status. " +
        `Today there are ${Object.keys(problemKinds).join(", ")}.`,
    }),
    path: Type.Optional(Type.String({ description: "The znode it is about." })),
    stat: Type.Optional(ref<Stat>("Stat")),
    limit: Type.Optional(
      Type.String({ description: "The limit that was passed, by its name in /v1/limits." }),
    ),
    limitValue: Type.Optional(Type.Integer({ description: "What the limit is." })),
    size: Type.Optional(Type.Integer({ description: "What was asked for." })),
    failedOperation: Type.Optional(
      Type.Integer({ description: "Index of the first operation that failed." }),
    ),
    results: Type.Optional(
      Type.Array(
        Type.Object(
          { code: Type.String(), detail: Type.Optional(Type.String()) },
          { title: "OperationFate", description: "rolled_back, the code of its refusal, or not_evaluated." },
        ),
        { description: "The fate of each operation." },
      ),
    ),
    line: Type.Optional(Type.Integer({ description: "The line of an import that is at fault, from 1." })),
    imported: Type.Optional(importCounts),
    deleted: Type.Optional(
      Type.Integer({ description: "Znodes that a delete in parts had taken before it was refused." }),
    ),
    oldestZxid: Type.Optional(Type.Integer({ description: "The oldest transaction to resume after." })),
    reason: Type.Optional(
      Type.String({ description: "Why there is no resuming: history_trimmed or unknown_zxid." }),
    ),
    unknownPast: Type.Optional(
      Type.Boolean({ description: "What was named is of a past that this store does not have." }),
    ),
    retryAfterSeconds: Type.Optional(Type.Integer({ description: "What Retry-After says." })),
    holder: Type.Optional(claim),
    delayUntilMs: Type.Optional(
      Type.Integer({ description: "Until about then nobody new holds the lock: its last holder expired." }),
    ),
  },
  { $id: "Problem", description: "RFC 9457 problem details." },
);

/** Everything that has a name in the document. */
export const namedSchemas: readonly TSchema[] = [statSchema, writtenSchema, znodeSchema, problemSchema];

export const written = ref<{ path: string; stat: Stat }>("Written");
export const stat = ref<Stat>("Stat");
export const znode = ref<{
  path: string;
  data?: string;
  dataBase64?: string;
  acl?: ShownAclEntry[];
  stat?: Stat;
}>("Znode");

type ProblemCode = keyof typeof problemKinds;

/** An answer of JSON, with an example of it. */
export function json(schema: object, description: string, example: object) {
  return { description, content: { "application/json": { schema, example } } };
}

/** Bytes as they are. */
export const bytes: object = { type: "string", format: "binary" };

/** The refusals of an operation, by status, for its `response` schema. */
export function problems(...codes: readonly ProblemCode[]): Record<string, TSchema> {
  const byStatus: Record<number, ProblemCode[]> = {};
  for (const code of new Set([...alwaysPossible, ...codes])) {
    const { status } = problemKinds[code];
    byStatus[status] = [...(byStatus[status] ?? []), code];
  }
  const described = Object.entries(byStatus).map(([status, group]) => [status, problem(group)]);
  return { ...Object.fromEntries(described), "4xx": transportProblem };
}

const alwaysPossible = [
  "bad_request",
  "unauthenticated",
  "forbidden",
  "method_not_allowed",
  "misdirected",
  "internal",
  "behind",
  "suspended",
  "stopping",
] as const;

/** Refusals of anything that changes the tree. */
export const writeProblems = [
  "bad_path",
  "forbidden",
  "session_expired",
  "fence_stale",
  "throttled",
  "read_only",
  "suspended",
  "too_large",
] as const;

function problem(codes: readonly ProblemCode[]): TSchema {
  return problemSaying(codes.map((code) => `\`${code}\`: ${problemKinds[code].title}.`).join(" "));
}

function problemSaying(description: string): TSchema {
  const content = { "application/problem+json": { schema: { $ref: "Problem#" } } };
  return { description, content } as TSchema;
}

/** What the transport refuses before anybody knows which operation was meant. */
const transportProblem = problemSaying(
  "`bad_request` as 408 (it did not arrive in time), 417 (an expectation nobody meets) or 431 (its headers are too " +
    "large); `throttled` as 429: there are too many connections, or the client asks for more than ratePerSecond.",
);

export const pageEntriesDefault = 1000;

export const pageLimitBounds = {
  minimum: 1,
  maximum: fixedLimits.pageEntriesMax,
  ...named("pageEntriesMax"),
};

export function pageLimit(description: string) {
  return Type.Integer({ ...pageLimitBounds, default: pageEntriesDefault, description });
}

/** A zxid, id or version: whole numbers that JavaScript can hold. */
export const wholeNumber = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

/** A znode path as a URL parameter, for the document: the router takes the rest of the URL whole. */
export const pathParameter = parameterOfPath(urlPathForm);

/** The same, where it may be what a sequential create puts its number behind. */
export const pathOrPrefixParameter = parameterOfPath(urlPathOrPrefixForm);

function parameterOfPath(form: object) {
  return Type.Object({
    path: Type.String({
      ...form,
      description:
        "The znode's path, with its first slash or without it: `/services/web` and `services/web` are the same, and `/` " +
        "is the root. The other slashes may stand in the URL as they are or as `%2F`, which generated clients send.",
      examples: ["/services/web"],
    }),
  });
}

export const versionQuery = Type.Optional(
  Type.Integer({
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "The version the znode must be at; -1 means any.",
  }),
);

export const tokenLength = {
  maxLength: fixedLimits.sessionTokenLengthMax,
  ...named("sessionTokenLengthMax"),
};

/** Headers any write may carry; names are matched without regard to case. */
export const writeHeaders = Type.Object({
  "session-token": Type.Optional(
    Type.String({ description: "The session to act for, and to renew.", ...tokenForm, ...tokenLength }),
  ),
  fence: Type.Optional(
    Type.String({
      ...fenceForm,
      description:
        "`<path>@<czxid>`, several comma-separated: the write happens only while these znodes exist so. With the epoch " +
        "behind the number, as a `fenceHeader` has it, only while they are those of that past of the store.",
      examples: ["/master@1042", "/locks/reports/x-0000000007@1042.3f9a01c2d4"],
    }),
  ),
  ...aclAuthHeader,
});

export const idempotencyKeyHeader = {
  "idempotency-key": Type.Optional(
    Type.String({
      ...idempotencyKeyForm,
      description:
        "1 to 255 printable ASCII characters that name this request, so that it can be sent again: what was done under " +
        "the key is not done again but answered as it was, with `Idempotency-Replayed: true`. Kept for " +
        "idempotencyAgeMsMax, for the last idempotencyKeysMax keys and idempotencyBytesMax bytes (see /v1/limits). " +
        "A key is that of the session whose token comes with it: on another session it is another key. A " +
        "refusal, and the answer to what changed nothing, is not kept. Other methods ignore the header.",
      examples: ["7f2f1f0e-52a8-4a4c-9f5c-0d7c3b1f4a11"],
    }),
  ),
};

/** Headers a POST that writes may carry. */
export const postHeaders = Type.Object({ ...writeHeaders.properties, ...idempotencyKeyHeader });

/** What an answer to a request with a key says beside what it said the first time. */
export const replayedHeader = {
  "Idempotency-Replayed": Type.String({
    description: "`true` when this is the answer to an earlier request with the same Idempotency-Key.",
  }),
};

export const locationHeader = {
  Location: Type.String({
    description: "The URL of what was made; left out where it would be longer than locationBytesMax.",
  }),
};

export const etagHeader = {
  ETag: Type.String({
    description: "Of what is answered with, to be sent as If-Match or If-None-Match.",
    examples: ['"1042-0.3f9a01c2d4"'],
  }),
};

/** What a write of one znode may expect of it besides. */
export const conditionalWriteHeaders = Type.Object({
  ...writeHeaders.properties,
  "if-match": Type.Optional(
    Type.String({
      ...tagsForm,
      description:
        "ETags, comma-separated, one of which the znode must have, or `*`. One of a past that the store does not have " +
        'matches nothing; `"<czxid>-<version>"` without an epoch is compared by its numbers alone.',
    }),
  ),
});

export const readHeaders = Type.Object({
  "session-token": Type.Optional(
    Type.String({ description: "A session to renew.", ...tokenForm, ...tokenLength }),
  ),
});

/** Headers of a read of znodes, each of which may have a list. */
export const znodeReadHeaders = Type.Object({ ...readHeaders.properties, ...aclAuthHeader });

/** Headers of such a read that has an ETag. */
export const conditionalReadHeaders = Type.Object({
  ...znodeReadHeaders.properties,
  "if-none-match": Type.Optional(
    Type.String({
      ...tagsForm,
      description: "ETags the client has, comma-separated, or `*`: where one is current, 304.",
    }),
  ),
});
