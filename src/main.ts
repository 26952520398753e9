// The process: read the settings, open the store, listen, and end in good order. Everything is loaded only once the
// version of Node is known to do: an older one would crash without a word.

import { readFileSync } from "node:fs";
import { endOnSignals } from "./early-signals.ts";
import { nodeComplaint } from "./node-version.ts";

// Nothing is open yet: the stop that was asked for is done.
endOnSignals(() => 0);

const complaint = nodeComplaint();
if (complaint !== null) {
  process.stderr.write(`${complaint}\n`);
  process.exit(1);
}

const { readConfig } = await import("./settings/config.ts");
const { dropForeignVariables } = await import("./settings/environment.ts");
const { serve } = await import("./serve.ts");
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const foreignVariables = dropForeignVariables(process.env);
await serve(readConfig(process.argv, version), { version, foreignVariables });
