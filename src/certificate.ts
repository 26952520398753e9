// The TLS certificate and its key, as their files have them: whoever renews them puts new files there and need not tell.
// The files are read every few seconds, whole: they are small, and neither links that are changed on the way to them, as
// Kubernetes does it, nor filesystems that tell of no changes make a difference to that. What cannot be used is not used.

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

/** As PEM. The certificate may have those of its issuers behind it. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What an operator is told of a certificate. */
interface CertificateWords {
  readonly subject: string;
  readonly validTo: string;
  readonly fingerprint256: string;
}

export interface CertificateListener {
  /** New connections are to get this one. */
  onRenewed(pair: TlsPair, words: CertificateWords): void;
  /** Once for each state of the files that is of no use, until they change again. */
  onRefused(reason: string): void;
}

const lookEveryMs = 5000;

export class Certificate {
  readonly #files: TlsFiles;
  #pair: TlsPair;
  /** What was last found wrong, and whether that was said. */
  #fault: { readonly reason: string; readonly pair: TlsPair | null; isSaid: boolean } | null = null;
  #listener: CertificateListener | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking = Promise.resolve();

  private constructor(files: TlsFiles, pair: TlsPair) {
    this.#files = files;
    this.#pair = pair;
  }

  /** @throws Error with a sentence, when the files cannot be read or do not go together */
  static async read(files: TlsFiles): Promise<Certificate> {
    try {
      const pair = await readPair(files);
      wordsOf(pair);
      return new Certificate(files, pair);
    } catch (error) {
      const { certFile, keyFile } = files;
      throw new Error(
        `The TLS certificate ${certFile} with the key ${keyFile} is of no use: ${messageOf(error)}`,
      );
    }
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  /** Looks now and then from here on. */
  follow(listener: CertificateListener): void {
    this.#listener = listener;
    this.#timer = setInterval(() => this.#lookSoon(false), lookEveryMs).unref();
  }

  /** Looks now, for whoever says that there are new files: what is wrong with them is said at once. */
  look(): void {
    this.#lookSoon(true);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listener = null;
  }

  #lookSoon(isAsked: boolean): void {
    this.#looking = this.#looking.then(() => this.#look(isAsked));
  }

  async #look(isAsked: boolean): Promise<void> {
    let pair: TlsPair | null = null;
    try {
      pair = await readPair(this.#files);
      if (!isSame(pair, this.#pair)) this.#renew(pair);
      this.#fault = null;
    } catch (error) {
      this.#note(messageOf(error), pair, isAsked);
    }
  }

  /** @throws Error when it is of no use */
  #renew(pair: TlsPair): void {
    const words = wordsOf(pair);
    this.#pair = pair;
    this.#listener?.onRenewed(pair, words);
  }

  /** Two files are written one after the other, so that it is a fault only if it is still there at the next look. */
  #note(reason: string, pair: TlsPair | null, isAsked: boolean): void {
    const known = this.#fault;
    const isKnown = known !== null && known.reason === reason && isSame(known.pair, pair);
    this.#fault = isKnown ? known : { reason, pair, isSaid: false };
    if (this.#fault.isSaid || !(isKnown || isAsked)) return;
    this.#fault.isSaid = true;
    this.#listener?.onRefused(reason);
  }
}

async function readPair({ certFile, keyFile }: TlsFiles): Promise<TlsPair> {
  return { cert: await readFile(certFile), key: await readFile(keyFile) };
}

/** @throws Error when TLS cannot be spoken with it */
function wordsOf(pair: TlsPair): CertificateWords {
  createSecureContext({ ...pair });
  const { subject, validTo, fingerprint256 } = new X509Certificate(pair.cert);
  return { subject, validTo, fingerprint256 };
}

function isSame(one: TlsPair | null, other: TlsPair | null): boolean {
  if (one === null || other === null) return one === other;
  return one.cert.equals(other.cert) && one.key.equals(other.key);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
