// Settings of the server itself: where it listens, what it logs, where it keeps its data.

import { setting } from "./setting.ts";
import { anyText, integer, oneOf, word } from "./setting-values.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export const serverSettings = {
  config: setting(
    "config",
    "",
    anyText,
    "file with settings, a line for each: name = value; none when empty",
  ),
  host: setting(
    "host",
    "127.0.0.1",
    word,
    "address to listen on; any but this machine's own takes tokens and TLS",
  ),
  port: setting("port", 2281, integer(0, 65_535), "port to listen on; 0 picks a free one"),
  dataDir: setting("data-dir", "./data", word, "data directory; created if missing"),
  logLevel: setting<(typeof logLevels)[number]>(
    "log-level",
    "info",
    oneOf(logLevels),
    "lowest level that is logged",
  ),
} as const;
