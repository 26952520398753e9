// What must hold of a znode for a write to happen: as headers, and as the numbers in them.

import { stampText } from "../../core/epochs.ts";
import type { ZnodeTag } from "../../core/write-context.ts";
import { fenceHeaderOf } from "../calls/fences.ts";
import type { ChangeOptions } from "./options.ts";

export function conditionHeadersOf(options: ChangeOptions): Record<string, string> {
  const { ifMatch } = options;
  const headers = fenceHeaderOf(options);
  if (ifMatch !== undefined) headers["If-Match"] = typeof ifMatch === "string" ? ifMatch : tagText(ifMatch);
  return headers;
}

/** The numbers in an ETag, for where there is no header to send it in. */
export function tagIn(etag: string): ZnodeTag {
  const [, czxid, version] = /^"(\d+)-(\d+)/.exec(etag) ?? [];
  return { czxid: Number(czxid), version: Number(version) };
}

function tagText({ czxid, version, epoch }: ZnodeTag): string {
  return `"${czxid}-${stampText({ zxid: version, epoch })}"`;
}
