// Fences as a request carries them: what must still be there when it is done.

import { stampText } from "../../core/epochs.ts";
import type { Fence } from "../../core/write-context.ts";

export function fenceHeaderOf({
  fences = [],
}: {
  readonly fences?: readonly Fence[] | undefined;
}): Record<string, string> {
  if (fences.length === 0) return {};
  return { Fence: fences.map(fenceText).join(",") };
}

function fenceText({ path, czxid: zxid, epoch }: Fence): string {
  return `${encodeURIComponent(path)}@${stampText({ zxid, epoch })}`;
}

/** The epoch in the value of a `Fence` header that the service has made; undefined where it has none. */
export function epochIn(fenceHeader: string | undefined): string | undefined {
  return /@\d+\.([0-9a-f]+)$/.exec(fenceHeader ?? "")?.[1];
}
