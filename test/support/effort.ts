// How often a test does what it does again and again: often enough to find what breaks often, and with FULL=1, as a
// change is tried before it is taken, so often that it finds what breaks seldom.

const isFull = process.env.FULL === "1";

export function rounds(counts: { readonly usual: number; readonly full: number }): number {
  return isFull ? counts.full : counts.usual;
}
