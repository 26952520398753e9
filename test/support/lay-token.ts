// The admin's token for a server that is started, as `treekeeper token init` lays one into its folder (access-on.ts).

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashSecret } from "../../src/access/secrets.ts";
import { nameOfAdmin, secretOfAdmin } from "./secret-of-admin.ts";

/** Before the first start in that directory. */
export function layTokenOfAdmin(dataDir: string): void {
  if (secretOfAdmin === undefined || !existsSync(dataDir)) return;
  if (existsSync(join(dataDir, "treekeeper.db"))) return;
  const token = { name: nameOfAdmin, hash: hashSecret(secretOfAdmin) };
  writeFileSync(join(dataDir, "first-token.json"), JSON.stringify(token), { mode: 0o600 });
}
