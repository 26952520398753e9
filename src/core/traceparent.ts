// Which request of a caller's something belongs to, as W3C Trace Context has it in the header `traceparent`:
// `00-<trace id>-<id of the caller's span>-<flags>`. It is a claim of the caller's, and nothing is decided by it.

const form = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Of a later version what this one knows counts, and what comes behind it does not. */
const laterForm = /^(?!00|ff)[0-9a-f]{2}(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-|$)/;

/** Whether it is one of version 00: 55 characters, of which none needs an escape. */
export function isTraceparent(text: string): boolean {
  return form.test(text);
}

/** What the header says, in version 00. Undefined where it says nothing that counts: the caller then has no trace. */
export function traceparentIn(header: string): string | undefined {
  if (isTraceparent(header)) return header;
  const known = laterForm.exec(header)?.[1];
  return known === undefined ? undefined : `00${known}`;
}
