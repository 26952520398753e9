// A fault: whoever keeps house ends sessions by its own clock alone, whatever other servers heard of them, and does not make
// that depend on what the log says.

import { LoggedLiveness } from "../../../../src/sessions/logged-liveness.ts";
import { Timeouts } from "../../../../src/sessions/timeouts.ts";

Timeouts.prototype.touch = () => {};
LoggedLiveness.prototype.silenceOf = () => ({}) as ReturnType<LoggedLiveness["silenceOf"]>;
