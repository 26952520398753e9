// What becomes of the beginning of an epoch. It takes no zxid, since nothing that clients can see changes: the next
// transaction is the first of the epoch.

import type { BeginEpoch } from "./command.ts";
import type { Draft } from "./draft.ts";
import { type Epoch, epochsMax } from "./epochs.ts";
import type { State } from "./state.ts";

/** Told again, by a writer that does not know yet that it was heard, or by another one of the same log, it changes nothing. */
export function planBeginEpoch(draft: Draft, { epochs }: State, { epoch: id }: BeginEpoch): { epoch: Epoch } {
  if (epochs.current.id === id) return { epoch: epochs.current };
  const epoch = { id, firstZxid: draft.zxid };
  const isFirstOfItsZxid = epochs.current.firstZxid !== epoch.firstZxid;
  if (isFirstOfItsZxid && epochs.count >= epochsMax && epochs.oldest !== undefined)
    draft.notes.push({ type: "epochForgotten", epoch: epochs.oldest });
  draft.notes.push({ type: "epochBegun", epoch, before: isFirstOfItsZxid ? null : epochs.current });
  return { epoch };
}
