// The operations of a transaction or batch, as the audit log names them: as they came, whether or not they are well-formed,
// and no more of them than a line has room for.

import type { FastifyRequest } from "fastify";
import { shortened } from "./audited-target.ts";

const operationsNotedMax = 100;
/** Characters of paths after which no more are named. */
const operationCharactersMax = 16_384;
/** No operation has a longer name. */
const nameLengthMax = 16;

const readingOperations: ReadonlySet<unknown> = new Set(["get", "exists", "children"]);

interface OperationsNoted {
  readonly operations?: readonly { readonly op: string; readonly path: string }[];
  readonly operationCount?: number;
}

/** Those that may change something, from the first on, and how many there are in all. */
export function operationsNotedOf(
  request: FastifyRequest,
  { pathLengthMax }: { readonly pathLengthMax: number },
): OperationsNoted {
  const all = operationsIn(request);
  if (all.length === 0) return {};
  const operations: { op: string; path: string }[] = [];
  let characters = 0;
  for (const operation of all) {
    const { op, path } = membersOf(operation);
    if (readingOperations.has(op)) continue;
    if (operations.length === operationsNotedMax || characters > operationCharactersMax) break;
    const noted = { op: textIn(op, nameLengthMax), path: textIn(path, pathLengthMax) };
    operations.push(noted);
    characters += noted.path.length;
  }
  return { operations, operationCount: all.length };
}

/** Whether it is a batch that changes nothing. */
export function readsOnly(request: FastifyRequest): boolean {
  const all = operationsIn(request);
  return all.length > 0 && all.every((operation) => readingOperations.has(membersOf(operation).op));
}

function operationsIn({ body, routeOptions }: FastifyRequest): readonly unknown[] {
  const operationId = routeOptions.schema?.operationId;
  if (operationId !== "transact" && operationId !== "runBatch") return [];
  const { operations } = (body ?? {}) as { readonly operations?: unknown };
  return Array.isArray(operations) ? operations : [];
}

function membersOf(operation: unknown): { readonly op?: unknown; readonly path?: unknown } {
  return operation ?? {};
}

function textIn(value: unknown, lengthMax: number): string {
  return typeof value === "string" ? shortened(value, lengthMax) : "";
}
