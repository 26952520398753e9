// A server of a version to come: it knows one command more than this one does. Everything else is as it is.

import { commandTable } from "../../src/core/commands.ts";
import { machineVersion } from "./newer-command.ts";

Object.assign(commandTable, { createByNewer: { ...commandTable.create, since: machineVersion } });
await import("../../src/main.ts");
