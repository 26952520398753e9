// Where a backup goes that the command line takes: a file that is there when all of it is, standard output, or an object
// store that gave a URL for it. A URL of that kind is a secret: it is said nowhere.

import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ExitError, exitCodes } from "./exit-codes.ts";

/** As much of a backup as a sink needs to know. */
export interface Arriving {
  readonly bytes: number;
  readonly sha256: string;
  readonly content: AsyncIterable<Uint8Array>;
}

const privateFileMode = 0o600;
/** An object store that says nothing for this long is given up. */
const silenceMsMax = 60_000;
const refusalCharactersMax = 4096;

/** @throws ExitError where there is one already that may not be overwritten, or what arrived is not what was sent */
export async function writeToFile(
  file: string,
  { bytes: _, ...backup }: Arriving,
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`;
  try {
    // As much a secret as the data is, and not written through a link that someone laid there.
    const handle = await open(unfinished, "wx", privateFileMode);
    await writeAll(handle, backup).finally(() => handle.close());
    refuseExisting(file, isForced);
    await rename(unfinished, file);
    await syncFolder(dirname(file));
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** @throws ExitError */
export function refuseExisting(file: string, isForced: boolean): void {
  if (isForced || !existsSync(file)) return;
  throw new ExitError(exitCodes.conflict, `${file} is there already; --force overwrites it.`);
}

async function writeAll(handle: FileHandle, backup: Omit<Arriving, "bytes">): Promise<void> {
  for await (const piece of checked(backup)) await handle.write(piece);
  await handle.sync();
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

export async function writeToStdout(backup: Omit<Arriving, "bytes">): Promise<void> {
  for await (const piece of checked(backup)) {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  }
}

/** @throws ExitError unless the URL is one that a secret and a backup may go to */
export function putTarget(text: string): URL {
  const url = URL.parse(text.trim());
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? "");
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback)) return url;
  throw new ExitError(exitCodes.usage, "--put takes a URL of https (of http on this machine alone).");
}

/** @throws ExitError when it is not taken */
export async function put(url: URL, { bytes, ...backup }: Arriving): Promise<void> {
  const send = url.protocol === "https:" ? requestSecure : requestPlain;
  const headers = { "Content-Length": bytes, "Content-Type": "application/octet-stream" };
  const request = send(url, { method: "PUT", headers });
  request.setTimeout(silenceMsMax, () =>
    request.destroy(new ExitError(exitCodes.unreachable, "The object store was silent for too long.")),
  );
  const answered = once(request, "response") as Promise<[IncomingMessage]>;
  // Whoever refuses may answer, and end the connection, before all was sent.
  answered.catch(() => {});
  const sent = pipeline(Readable.from(checked(backup)), request);
  try {
    const [response] = await Promise.race([answered, sent.then(() => answered)]);
    const refusal = await textOf(response);
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299) throw refused(statusCode, refusal);
    await sent;
  } catch (error) {
    request.destroy();
    sent.catch(() => {});
    throw asUnreachable(error);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const piece of response) {
    text += piece;
    if (text.length > refusalCharactersMax) break;
  }
  return text;
}

/** Of what it says the code alone: the rest may repeat what the URL was signed with. */
function refused(status: number, text: string): ExitError {
  const [, code] = /<Code>(\w{1,100})<\/Code>/.exec(text) ?? [];
  const reason = code === undefined ? `${status}` : `${status} ${code}`;
  return new ExitError(exitCodes.failed, `The object store did not take the backup: ${reason}.`);
}

function asUnreachable(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || (syscall === undefined && !code.startsWith("E"))) return error;
  return new ExitError(exitCodes.unreachable, `The object store cannot be reached (${code}).`);
}

/** The same bytes. @throws ExitError behind the last one where they are not those that the server has sent */
async function* checked({ content, sha256 }: Omit<Arriving, "bytes">): AsyncGenerator<Uint8Array> {
  const hash: Hash = createHash("sha256");
  for await (const piece of content) {
    hash.update(piece);
    yield piece;
  }
  if (sha256 !== "" && hash.digest("base64") === sha256) return;
  throw new ExitError(
    exitCodes.failed,
    sha256 === ""
      ? "The server did not say what the digest of its backup is (Repr-Digest); something between may have taken it out."
      : "What arrived is not what the server has sent: the digests differ. Take another.",
  );
}
