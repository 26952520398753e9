// Fills a fresh service with znodes of the measured size, many in one transaction. Names are those of load.lua.

const operationsMax = 1000;
const data = "0123456789".repeat(10);

/** Makes `parent` and its `count` children. */
export async function populate(baseUrl: string, parent: string, count: number): Promise<void> {
  await transact(baseUrl, [{ op: "create", path: parent }]);
  for (let first = 0; first < count; first += operationsMax) {
    const length = Math.min(operationsMax, count - first);
    const operations = Array.from({ length }, (_, index) => {
      const name = `n${String(first + index).padStart(7, "0")}`;
      return { op: "create", path: `${parent}/${name}`, data };
    });
    await transact(baseUrl, operations);
  }
}

async function transact(baseUrl: string, operations: readonly object[]): Promise<void> {
  const body = JSON.stringify({ operations });
  const answer = await fetch(`${baseUrl}/v1/transactions`, { method: "POST", body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The service did not take the znodes: ${text}`);
}

/** The last transaction the service has done. */
export async function zxidOf(baseUrl: string): Promise<number> {
  const answer = await fetch(`${baseUrl}/v1/znodes`, { method: "HEAD" });
  return Number(answer.headers.get("Zxid"));
}
