// What lock, elect and register say alike about the commands they run.

import { Option } from "commander";
import { integer } from "../options.ts";

export function graceOption(): Option {
  return new Option(
    "--grace-ms <ms>",
    "between SIGTERM and SIGKILL; a quarter of --timeout-ms unless given",
  ).argParser(integer(0));
}

export function passTokenOption(): Option {
  return new Option(
    "--pass-token",
    "leave TREEKEEPER_TOKEN and TREEKEEPER_ACL_AUTH, which are secret, in the command's environment",
  );
}

export const commandHint = "Put the command to run after --, as in: treekeeper lock x -- sh -c 'echo $0'";

export const supervisedHelp = `
The command finds the same around it as without: environment, open files, terminal. It is signalled
with all it has started: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on, unless
they were typed at a terminal, which it hears itself. What it leaves behind when it ends, is ended.
Under lock and elect, when what is held is lost or in doubt, all of it gets SIGTERM and then
SIGKILL, before another can have it; it ends with 76.

Environment of the command: TREEKEEPER_ENDPOINT; under lock and elect TREEKEEPER_FENCE, for the
header Fence and for --fence of this program, behind those of the lock or election it was run under;
TREEKEEPER_FENCE_ZXID, the number of the last; and TREEKEEPER_LOCK or TREEKEEPER_ELECTION, the name.
TREEKEEPER_TOKEN and TREEKEEPER_ACL_AUTH are taken out of it, unless --pass-token leaves them there;
TREEKEEPER_TOKEN_FILE stays.`;
