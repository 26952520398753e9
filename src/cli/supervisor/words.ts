// What lock, elect and register say alike about the commands they run.

import { Option } from "commander";
import { integer } from "../options.ts";

export function graceOption(): Option {
  return new Option(
    "--grace-ms <ms>",
    "between SIGTERM and SIGKILL; a quarter of --timeout-ms unless given",
  ).argParser(integer(0));
}

export const supervisedHelp = `
The command runs in a process group of its own, which is signalled as a whole: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1
and SIGUSR2 are passed on to it. What it leaves behind in the group when it ends, is ended. Under lock and elect, when
what is held is lost or in doubt, the group gets SIGTERM and then SIGKILL, before another can have it; it ends with 76.

Environment of the command: TREEKEEPER_ENDPOINT; under lock and elect TREEKEEPER_FENCE, for the header Fence and for
--fence of this program, TREEKEEPER_FENCE_ZXID, its number, and TREEKEEPER_LOCK or TREEKEEPER_ELECTION, the name.`;
