// A process in which contenders live, one in each of many trials: what stops it, stops them all. It does as it is told
// over its channel, and ends with it. Its argument is the file for evidence.

import { Contender, type Contention } from "./contender.ts";
import { EvidenceFile } from "./evidence.ts";

export type HostOrder =
  | { readonly type: "contend"; readonly contention: Contention }
  | { readonly type: "drain"; readonly trial: string }
  | { readonly type: "leave"; readonly trial: string };

export interface HostNews {
  readonly type: "held" | "drained" | "left";
  readonly trial: string;
  readonly who: string;
  /** Of what is held: its holder means to keep it until it is lost. */
  readonly isLong?: boolean;
}

const evidence = new EvidenceFile(process.argv[2] as string);
const contenders = new Map<string, { readonly who: string; readonly contender: Contender }>();

process.on("message", (order: HostOrder) => void obey(order));
process.on("disconnect", () => process.exit());

async function obey(order: HostOrder): Promise<void> {
  if (order.type === "contend") {
    const { trial, who } = order.contention;
    const onHeld = (isLong: boolean) => tell({ type: "held", trial, who, isLong });
    contenders.set(trial, { who, contender: new Contender(order.contention, evidence, onHeld) });
    return;
  }
  const { trial, type } = order;
  const found = contenders.get(trial);
  if (found === undefined) return;
  const { who, contender } = found;
  if (type === "drain") {
    contender.drain();
    await contender.drained;
    tell({ type: "drained", trial, who });
  } else {
    contenders.delete(trial);
    await contender.leave();
    tell({ type: "left", trial, who });
  }
}

function tell(news: HostNews): void {
  process.send?.(news, undefined, undefined, () => {});
}
