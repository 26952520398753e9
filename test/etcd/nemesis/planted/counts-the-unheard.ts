// A fault: silence counts while nobody can be heard, and an end that is decided then is done as soon as the log takes it.

import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "../../../../src/core/command.ts";
import { KeeperError } from "../../../../src/core/errors.ts";
import { LoggedLiveness } from "../../../../src/sessions/logged-liveness.ts";
import { Timeouts } from "../../../../src/sessions/timeouts.ts";
import { Store } from "../../../../src/store/store.ts";

const { start } = Timeouts.prototype;
const submit = Store.prototype.submit as (this: Store, command: Command) => Promise<never>;

Timeouts.prototype.stop = () => {};
Timeouts.prototype.start = function (this: Timeouts) {
  if (!this.isRunning) start.call(this);
};
LoggedLiveness.prototype.silenceOf = () => ({}) as ReturnType<LoggedLiveness["silenceOf"]>;
Store.prototype.submit = async function (this: Store, command: Command) {
  for (;;) {
    try {
      return await submit.call(this, command);
    } catch (error) {
      const isEnd = command.type === "closeSession" && command.reason === "session_expired";
      if (!isEnd || !(error instanceof KeeperError) || error.code !== "suspended") throw error;
      await wait(2);
    }
  }
};
