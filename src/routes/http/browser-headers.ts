// What every answer tells a browser, whatever it is: take it for what it says it is, and hand it to no page of another
// origin that was not let in. Pages have more to say of themselves (`pages.ts`).

import type { AnswerStep } from "./every-request.ts";

/** Data is a client's own, and may look like a page or a script. Also for what is written beside the hooks. */
export const browserHeaders = {
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

export const instructBrowsers: AnswerStep = (_request, reply, payload) => {
  reply.header("x-content-type-options", browserHeaders["X-Content-Type-Options"]);
  reply.header("cross-origin-resource-policy", browserHeaders["Cross-Origin-Resource-Policy"]);
  return payload;
};
