// The ready-made value of a `Fence` header: whoever holds something sends it on as it came, and has to build nothing.

import type { Epochs } from "../epochs.ts";

/** The path is written as in a URL, so that a comma or an @ in it is not taken for the end of it. */
export function fenceHeaderOf(epochs: Pick<Epochs, "stampOf">, path: string, czxid: number): string {
  return `${path.split("/").map(encodeURIComponent).join("/")}@${epochs.stampOf(czxid)}`;
}
