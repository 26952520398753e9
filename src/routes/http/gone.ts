// Whether whoever asked is still there. A response of HTTP/2 does not say that it was destroyed, its stream does; and one
// that closed before anybody listened says nothing any more.

import type { ServerResponse } from "node:http";

export function isGone(response: ServerResponse): boolean {
  const { stream } = response as { stream?: { readonly destroyed: boolean } };
  return response.destroyed || stream?.destroyed === true;
}
