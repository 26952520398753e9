// Settings of a server that follows another one, and of one that is followed.

import { mebibyte, setting } from "./setting.ts";
import { anyText, byteCount, urls } from "./setting-values.ts";

export const followSettings = {
  follow: setting(
    "follow",
    "",
    urls,
    "server to follow, such as https://one:2281, or several of one cluster, comma-separated; none when empty",
  ),
  followTokenFile: setting(
    "follow-token-file",
    "",
    anyText,
    "file with an admin's token of that server, where it asks for one",
  ),
  followCa: setting("follow-ca", "", anyText, "file with who certifies that server (PEM), for https"),
  recentEntriesBytesMax: setting(
    "recent-entries-bytes-max",
    32 * mebibyte,
    byteCount(0),
    "bytes of the last log entries kept in memory for servers that follow this one; 0 is none, and nobody can",
  ),
} as const;
