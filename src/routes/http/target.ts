// The request target, judged as it came and before a route reads any part of it: what could be read in two ways is
// refused, so that no znode is ever taken for another (P14).

import type { IncomingMessage } from "node:http";
import { KeeperError } from "../../core/errors.ts";
import type { RequestStep } from "./every-request.ts";

/** What a proxy is sent, `http://host/path`, means the same as `/path` and must be taken (RFC 9112, 3.2.2). */
export function originFormOf({ url = "/" }: Pick<IncomingMessage, "url">): string {
  if (url.startsWith("/") || !absoluteForm.test(url)) return url;
  const origin = url.replace(absoluteForm, "");
  return origin.startsWith("/") ? origin : `/${origin}`;
}

const absoluteForm = /^https?:\/\/[^/?#]*/i;

/** Refuses a fragment, which never belongs in a request, and a query that is not percent-encoded UTF-8. */
export const refuseUnclearTarget: RequestStep = ({ raw }) => {
  const fault = faultOf(raw.url as string);
  if (fault !== null) throw new KeeperError("bad_request", fault);
  return true;
};

function faultOf(target: string): string | null {
  if (target.includes("#")) return "A # in a URL has to be written %23.";
  const query = target.indexOf("?");
  if (query === -1 || !target.includes("%", query)) return null;
  try {
    decodeURIComponent(target.slice(query));
    return null;
  } catch {
    return "The query is not valid percent-encoded UTF-8.";
  }
}
