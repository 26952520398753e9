// The access token of a client: it goes with every request to the service, and to nobody else. A function that gives it
// may give another one each time; it is asked again where the service takes the one it gave for none.

import { ConnectionError, refusalOf } from "./errors.ts";
import { unlessAborted } from "./signals.ts";

/** The secret itself, or what gives the one that counts now. It is asked before each request: what is costly it should keep. */
export type AccessTokenSource = string | (() => string | Promise<string>);

type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** As HTTP has it. What is in it is never told. */
const tokenForm = /^[A-Za-z0-9._~+/-]+=*$/;

/** @throws TypeError for a token that could be none */
export function showingToken(token: AccessTokenSource, fetch: Fetch): Fetch {
  if (typeof token === "string") {
    if (!tokenForm.test(token)) throw new TypeError(noToken);
    return (url, init) => fetch(url, withToken(init, token));
  }
  return async (url, init) => {
    const shown = await tokenFrom(token, init);
    const response = await fetch(url, withToken(init, shown));
    if (response.status !== 401 || init.body instanceof ReadableStream) return response;
    // Nothing was done. The one it gave may have been replaced a moment ago.
    const other = await tokenFrom(token, init);
    if (other === shown) return response;
    await response.body?.cancel();
    return await fetch(url, withToken(init, other));
  };
}

async function tokenFrom(give: () => string | Promise<string>, { signal }: RequestInit): Promise<string> {
  const token = await given(give, signal ?? new AbortController().signal);
  if (tokenForm.test(token)) return token;
  throw refusalOf({ code: "unauthenticated", status: 401, detail: noToken, mayBeDone: false });
}

/** A token that is not to be had now may be had later: nothing was sent, and it is tried again. */
async function given(give: () => string | Promise<string>, signal: AbortSignal): Promise<string> {
  try {
    return await unlessAborted(Promise.resolve(give()), signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new ConnectionError("The access token was not to be had.", { cause, mayBeDone: false });
  }
}

const noToken = "The access token has characters that none has, or it is empty.";

function withToken(init: RequestInit, token: string): RequestInit {
  return {
    ...init,
    headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` },
  };
}
