// The certificate and key that servers of tests speak TLS with: as files for the command line, and as bytes.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const fileOf = (name: string) => fileURLToPath(new URL(`tls/${name}.pem`, import.meta.url));

const certFile = fileOf("cert");
const keyFile = fileOf("key");
export const tlsPair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
/** What clients have to know to believe it. */
export const ca = tlsPair.cert;
export const tlsSettings = ["--tls-cert", certFile, "--tls-key", keyFile];
