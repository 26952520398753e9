// Tests that what they look at keeps from running over a log in etcd are left out, each for its reason.

import { beforeEach } from "vitest";
import { serverCount } from "../support/logs.ts";
import { reasonToLeaveOut } from "./left-out.ts";

beforeEach(({ task, skip }) => {
  const reason = reasonToLeaveOut(task.file.name, task.name, serverCount);
  if (reason !== undefined) skip(reason);
});
