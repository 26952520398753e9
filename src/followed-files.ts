// Files that somebody renews while the service runs, and need not tell it: certificates, keys of issuers. They are read
// every few seconds, whole: they are small, and neither links that are changed on the way to them, as Kubernetes does it,
// nor filesystems that tell of no changes make a difference to that. What cannot be used is not used.

import { readFile, stat } from "node:fs/promises";

export interface FilesListener<Meaning> {
  /** The files are other ones, and of use. */
  onRenewed(meaning: Meaning): void;
  /** Once for each state of the files that is of no use, until they change again. */
  onRefused(reason: string): void;
}

/** What files say, in their order. @throws Error when it is of no use, with nothing of their contents in its message */
type Reading<Meaning> = (contents: readonly Buffer[]) => Meaning | Promise<Meaning>;

const lookEveryMs = 5000;

/** Bytes of a file: it is read over and over. */
const fileBytesMax = 1024 * 1024;

interface Fault {
  readonly reason: string;
  /** None when the files could not even be read. */
  readonly contents: readonly Buffer[] | null;
  isSaid: boolean;
}

export class FollowedFiles<Meaning> {
  readonly #files: readonly string[];
  readonly #reading: Reading<Meaning>;
  #contents: readonly Buffer[];
  #meaning: Meaning;
  /** What was last found wrong, and whether that was said. */
  #fault: Fault | null = null;
  #listener: FilesListener<Meaning> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking = Promise.resolve();

  private constructor(
    files: readonly string[],
    reading: Reading<Meaning>,
    first: { readonly contents: readonly Buffer[]; readonly meaning: Meaning },
  ) {
    this.#files = files;
    this.#reading = reading;
    this.#contents = first.contents;
    this.#meaning = first.meaning;
  }

  /** @throws Error when the files cannot be read or are of no use */
  static async read<Meaning>(
    files: readonly string[],
    reading: Reading<Meaning>,
  ): Promise<FollowedFiles<Meaning>> {
    const contents = await contentsOf(files);
    return new FollowedFiles(files, reading, { contents, meaning: await reading(contents) });
  }

  /** What they said when they were last of use. */
  get meaning(): Meaning {
    return this.#meaning;
  }

  /** Looks now and then from here on. */
  follow(listener: FilesListener<Meaning>): void {
    this.#listener = listener;
    this.#timer = setInterval(() => void this.#lookSoon(false), lookEveryMs).unref();
  }

  /** Looks now, for whoever says that there are new files: what is wrong with them is said at once. */
  async look(): Promise<void> {
    await this.#lookSoon(true);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listener = null;
  }

  #lookSoon(isAsked: boolean): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(isAsked));
    return this.#looking;
  }

  async #look(isAsked: boolean): Promise<void> {
    let contents: readonly Buffer[] | null = null;
    try {
      contents = await contentsOf(this.#files);
      if (!isSame(contents, this.#contents)) await this.#renew(contents);
      this.#fault = null;
    } catch (error) {
      this.#note(messageOf(error), contents, isAsked);
    }
  }

  /** @throws Error when they are of no use */
  async #renew(contents: readonly Buffer[]): Promise<void> {
    const meaning = await this.#reading(contents);
    this.#contents = contents;
    this.#meaning = meaning;
    this.#listener?.onRenewed(meaning);
  }

  /** Files are written one after the other, so that it is a fault only if it is still there at the next look. */
  #note(reason: string, contents: readonly Buffer[] | null, isAsked: boolean): void {
    const known = this.#fault;
    const isKnown = known !== null && known.reason === reason && isSame(known.contents, contents);
    this.#fault = isKnown ? known : { reason, contents, isSaid: false };
    if (this.#fault.isSaid || !(isKnown || isAsked)) return;
    this.#fault.isSaid = true;
    this.#listener?.onRefused(reason);
  }
}

/** One after the other: where several cannot be read, it is always the same one that is told of. */
async function contentsOf(files: readonly string[]): Promise<Buffer[]> {
  const contents: Buffer[] = [];
  for (const file of files) contents.push(await contentOf(file));
  return contents;
}

/** A pipe would be waited for as long as nobody writes to it, and a device might never end. */
async function contentOf(file: string): Promise<Buffer> {
  const found = await stat(file);
  if (!found.isFile()) throw new Error(`${file} is not a file`);
  if (found.size > fileBytesMax) throw new Error(`${file} has more than ${fileBytesMax} bytes`);
  return await readFile(file);
}

function isSame(some: readonly Buffer[] | null, others: readonly Buffer[] | null): boolean {
  if (some === null || others === null) return some === others;
  return some.every((content, index) => others[index]?.equals(content));
}

/** For a sentence that says why. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
