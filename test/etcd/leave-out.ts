// Tests that what they look at keeps from running over a log in etcd are left out, each for its reason.

import { beforeEach } from "vitest";
import { serverCount } from "../support/logs.ts";
import { reasonToLeaveOut } from "./left-out.ts";

beforeEach(({ task, skip }) => {
  const { file, fullTestName } = task;
  const reason = reasonToLeaveOut(file.name, fullTestName, serverCount);
  if (reason !== undefined) skip(reason);
});
