// On one member, in a file of its own so that both are tried at once.

import { describeLogUnderFaults } from "./log-under-faults.ts";

await describeLogUnderFaults(1);
