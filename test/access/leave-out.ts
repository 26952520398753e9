// Tests that what they look at keeps from running with access control on are left out, each for its reason.

import { beforeEach } from "vitest";
import { reasonAmong } from "../support/left-out.ts";
import { aboutOtherCallers } from "./left-out.ts";

beforeEach(({ task, skip }) => {
  const reason = reasonAmong(aboutOtherCallers, task.file.name, task.fullTestName);
  if (reason !== undefined) skip(reason);
});
