// What an answer says of itself while the log is out of reach: that it is what was last known, and how old that may be.

export interface DatedStore {
  readonly zxid: number;
  readonly suspension: { readonly isOn: boolean; readonly silentMs: number };
}

/** Milliseconds since somebody answered for the log. */
export const staleHeader = "Stale-Ms";

/** What the head of a stream says of the state it is told from (Z6). */
export function streamHeadOf({ zxid, suspension }: DatedStore): Readonly<Record<string, string>> {
  return { Zxid: String(zxid), ...(suspension.isOn && { [staleHeader]: String(suspension.silentMs) }) };
}
