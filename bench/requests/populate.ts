// Fills a fresh service with znodes of the measured size, many in one transaction. Names are those of load.lua.

import { send } from "../support/send.ts";

const operationsMax = 1000;
const data = "0123456789".repeat(10);

interface Population {
  /** Made with all that is above it. */
  readonly parent: string;
  readonly count: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes the parent and its children. */
export async function populate(baseUrl: string, { parent, count, headers = {} }: Population): Promise<void> {
  const parts = parent.split("/").slice(1);
  const ancestors = parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
  const transact = async (operations: readonly object[]) => {
    const body = JSON.stringify({ operations });
    await send(`${baseUrl}/v1/transactions`, { method: "POST", body, headers });
  };
  await transact(ancestors.map((path) => ({ op: "create", path })));
  for (let first = 0; first < count; first += operationsMax) {
    const length = Math.min(operationsMax, count - first);
    const operations = Array.from({ length }, (_, index) => {
      const name = `n${String(first + index).padStart(7, "0")}`;
      return { op: "create", path: `${parent}/${name}`, data };
    });
    await transact(operations);
  }
}

/** The last transaction the service has done. */
export async function zxidOf(baseUrl: string): Promise<number> {
  const answer = await fetch(`${baseUrl}/v1/znodes`, { method: "HEAD" });
  return Number(answer.headers.get("Zxid"));
}
