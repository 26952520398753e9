// Settings of sessions: what timeouts are granted.

import { setting } from "./setting.ts";
import { integer } from "./setting-values.ts";

export const sessionSettings = {
  sessionTimeoutMsMin: setting(
    "session-timeout-ms-min",
    1000,
    integer(100),
    "shortest session timeout granted",
  ),
  sessionTimeoutMsMax: setting(
    "session-timeout-ms-max",
    3_600_000,
    integer(100),
    "longest session timeout granted",
  ),
  sessionTimeoutMsDefault: setting(
    "session-timeout-ms-default",
    10_000,
    integer(100),
    "session timeout when the client names none",
  ),
} as const;
