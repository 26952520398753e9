// The TLS certificate and its key, with the authorities whose clients' certificates count, as their files have them:
// whoever renews them puts new files there and need not tell.

import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { FollowedFiles, messageOf } from "./followed-files.ts";
import { publicPemBlocksIn } from "./pem.ts";

/** As PEM. The certificate may have those of its issuers behind it. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Certificates of those who may certify clients; without it no client is asked for a certificate. */
  readonly clientCa?: Buffer;
}

interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** None when empty. */
  readonly clientCaFile: string;
}

/** What an operator is told of a certificate. */
interface CertificateWords {
  readonly subject: string;
  readonly validTo: string;
  readonly fingerprint256: string;
  /** The subjects of those who may certify clients. */
  readonly clientCas?: readonly string[];
}

export interface Certificate {
  readonly pair: TlsPair;
  readonly words: CertificateWords;
}

/** Certificates in the bundle of those who may certify clients. */
const clientCasMax = 100;

/** @throws Error with a sentence, when the files cannot be read or do not go together */
export async function readCertificate(files: TlsFiles): Promise<FollowedFiles<Certificate>> {
  const { certFile, keyFile, clientCaFile } = files;
  const names = [certFile, keyFile, ...(clientCaFile === "" ? [] : [clientCaFile])];
  try {
    return await FollowedFiles.read(names, certificateIn);
  } catch (error) {
    const withCa = clientCaFile === "" ? "" : ` and the client CA ${clientCaFile}`;
    throw new Error(
      `The TLS certificate ${certFile} with the key ${keyFile}${withCa} is of no use: ${messageOf(error)}`,
    );
  }
}

/** @throws Error when TLS cannot be spoken with it */
function certificateIn([cert, key, clientCa]: readonly Buffer[]): Certificate {
  const pair = { cert, key, ...(clientCa !== undefined && { clientCa }) } as TlsPair;
  const clientCas = clientCa !== undefined && { clientCas: subjectsIn(clientCa) };
  createSecureContext({ cert, key, ca: clientCa });
  const { subject, validTo, fingerprint256 } = new X509Certificate(pair.cert);
  return { pair, words: { subject, validTo, fingerprint256, ...clientCas } };
}

/** OpenSSL takes a file without a certificate and trusts nobody: that is not what anyone meant by it. */
function subjectsIn(bundle: Buffer): string[] {
  try {
    const blocks = publicPemBlocksIn(bundle.toString("latin1"));
    const certificates = blocks.filter(({ label }) => label === "CERTIFICATE");
    if (certificates.length === 0) throw new Error("it has no certificate");
    if (certificates.length > clientCasMax) throw new Error(`it has more than ${clientCasMax} certificates`);
    return certificates.map(({ text }) => new X509Certificate(text).subject);
  } catch (error) {
    throw new Error(`the file of the client CA cannot be used: ${messageOf(error)}`);
  }
}
