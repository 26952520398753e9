// A text that stays the same as long as the server runs, and is large: made when it is first asked for, compressed for those
// who take it so, and not sent again to who has it.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { addVary } from "../http/caching.ts";
import { isKnown, knownTagsOf } from "../wire/conditions.ts";

interface Form {
  readonly bytes: Buffer;
  readonly etag: string;
}

interface Forms {
  readonly identity: Form;
  readonly gzip: Form;
}

/** @returns the handler of a route that answers with the text */
export function servedText(contentType: string, make: () => string) {
  let forms: Forms | undefined;
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    forms ??= formsOf(make());
    const encoding = request.accepts().encoding(["gzip", "identity"]) === "gzip" ? "gzip" : "identity";
    const { bytes, etag } = forms[encoding];
    addVary(reply, "Accept-Encoding");
    reply.header("ETag", etag);
    if (isKnown(etag, knownTagsOf(request.headers))) return reply.code(304).send();
    if (encoding === "gzip") reply.header("Content-Encoding", "gzip");
    return reply.header("Content-Type", contentType).send(bytes);
  };
}

/** Other bytes have another tag. */
function formsOf(text: string): Forms {
  const bytes = Buffer.from(text);
  const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return {
    identity: { bytes, etag: `"${hash}"` },
    gzip: { bytes: gzipSync(bytes), etag: `"${hash}-gzip"` },
  };
}
