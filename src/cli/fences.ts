// Fences as they are written on a command line and in the environment: as in the header of a request. A command that
// `lock` or `elect` runs finds its own in TREEKEEPER_FENCE, and its writes are refused once another holds.

import { InvalidArgumentError, Option } from "commander";
import type { Fence } from "../client/index.ts";

export const fenceVariable = "TREEKEEPER_FENCE";

export function fenceOption(): Option {
  return new Option("--fence <path@czxid>", "only while this znode is there; several, comma-separated")
    .env(fenceVariable)
    .argParser(fencesIn);
}

/** A fence in the form of the header `Fence`. */
export function fenceText({ path, czxid, epoch }: Fence): string {
  const fence = `${path.split("/").map(encodeURIComponent).join("/")}@${czxid}`;
  return epoch === undefined ? fence : `${fence}.${epoch}`;
}

function fencesIn(text: string): Fence[] {
  return text.split(",").map((part) => {
    const [, path, czxid, epoch] = /^(\/.*)@(\d+)(?:\.([0-9a-f]+))?$/.exec(part.trim()) ?? [];
    if (path !== undefined)
      return { path: decoded(path), czxid: Number(czxid), ...(epoch !== undefined && { epoch }) };
    throw new InvalidArgumentError("It is PATH@CZXID, for example /locks/report/x-0000000007@42.");
  });
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new InvalidArgumentError("Its path is percent-encoded, as in a URL.");
  }
}
