// Who a caller is, once that is proven by something that comes from outside: a token of an issuer, a certificate. What it
// may do is not decided here.

export interface Identity {
  /** Such as `jwt:alice` or `cert:spiffe://example.org/worker`. The prefix says who vouches, so that nobody takes another's. */
  readonly id: string;
  /** By their names; null when they are to be looked up by the id. */
  readonly policies: readonly string[] | null;
  /** The path that is `/` to it. */
  readonly root: string;
  /** Epoch milliseconds from which on it is nobody; null when its end is not known here. */
  readonly validUntilMs: number | null;
}

/** Characters of the name within an id. */
export const identityNameLengthMax = 255;

/** Printable ASCII that neither begins nor ends with a space: two that look alike are the same. */
export function isIdentityName(name: unknown): name is string {
  return (
    typeof name === "string" && name.length <= identityNameLengthMax && /^[!-~]([ -~]*[!-~])?$/.test(name)
  );
}
