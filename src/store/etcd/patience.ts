// Asks again what got lost on the way, a few times: for what is given up when it goes on, and done again as a whole later.

import { setTimeout as wait } from "node:timers/promises";
import { isCompacted, isOfTheWay, isOutOfSpace } from "./etcd-errors.ts";

const triesMax = 5;
const betweenTriesMs = 200;

/** Only for what does no harm when it is done twice. @throws what was thrown at last */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isOfTheWay(error) || isOutOfSpace(error) || isCompacted(error) || tries === triesMax) throw error;
    }
    await wait(betweenTriesMs);
  }
}
