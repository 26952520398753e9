// What every scenario does, in this order, whatever its language. After each step it prints `ok` and the step's name; at
// the first thing that is not as it should be, it says so on stderr and ends with another status than 0. The service is at
// TREEKEEPER_ENDPOINT, fresh and all its own. Where a scenario prints "kill me", the service is killed with SIGKILL and
// started again at the same address; then it is told "killed and back" on stdin.

export const steps: Readonly<Record<string, string>> = {
  session: "opens a session of 60 s, which is valid for that long at most",
  sequence:
    "makes /clients/中文 路径/v1.2/a b and two ephemeral sequential znodes n- in it; both are the session's",
  binary: "writes all 256 bytes to /clients/binary and reads the same ones",
  exists: "asks by HEAD whether /clients/binary and /clients/nothing are there",
  conflict: "sets /clients/binary if it has version 7, which it has not: a problem whose code is bad_version",
  transaction:
    "checks /clients, makes /clients/t, sets /clients/nothing, deletes /clients/t: the operation at index 2 fails with no_node, and nothing is done",
  paging: "makes /clients/pages/c0 … c6 and lists them by three: three, three, one",
  int64: "reads the ctimeMs of /clients, which is the time of day",
  lock: "claims the lock `scenario`, which is held; another session's claim waits, and holds when the first is released",
  service:
    "registers two instances of a service `echo`, one with the tag `blue`; that one is listed by its tag",
  watch:
    "follows /clients/watched with the language's usual library for event streams: sets it to 1, 2, 3, has the service killed, sets it to 4, 5, 6, and has been told each of the six once, in order",
  close: "closes the first session; both its znodes are gone",
};
