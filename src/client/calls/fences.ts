// Fences as a request carries them: what must still be there when it is done.

import type { Fence } from "../../core/command.ts";

export function fenceHeaderOf({
  fences = [],
}: {
  readonly fences?: readonly Fence[] | undefined;
}): Record<string, string> {
  if (fences.length === 0) return {};
  return { Fence: fences.map(({ path, czxid }) => `${encodeURIComponent(path)}@${czxid}`).join(",") };
}
