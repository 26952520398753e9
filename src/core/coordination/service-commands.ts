// The commands about services. Names are looked at first, then the session.

import { namedBytes } from "../command-bytes.ts";
import { clientWrite, noGrowth, type RowsOf } from "../command-row.ts";
import { growthOfNamed } from "../memory.ts";
import { authoriseRecipe } from "./authorise.ts";
import { requireSession } from "./coordination-syntax.ts";
import { servicePath } from "./instances.ts";
import { planChange, planDeregister, planRegister } from "./plan-services.ts";
import type { Recipe } from "./recipe.ts";
import type { ServiceCommand } from "./service-command.ts";
import { instanceTooLarge, validateInstance, validateInstanceName } from "./service-syntax.ts";

const commands: RowsOf<ServiceCommand["type"]> = {
  registerInstance: {
    ...clientWrite,
    since: 3,
    validate: (register, { metadataBytesMax }) => {
      validateInstanceName(register);
      requireSession(register);
      validateInstance(register.data, metadataBytesMax);
    },
    authorise: (ask, { name }) => authoriseRecipe(ask, servicePath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planRegister(draft, command),
    bytes: (register) => namedBytes(register, register.data),
    growth: (register) => growthOfNamed(namedBytes(register, register.data)),
  },
  changeInstance: {
    ...clientWrite,
    since: 3,
    validate: (change, { metadataBytesMax }) => {
      validateInstanceName(change);
      requireSession(change);
      const size = change.changes.byteLength;
      if (size > metadataBytesMax) throw instanceTooLarge(size, metadataBytesMax);
    },
    authorise: (ask, { name }) => authoriseRecipe(ask, servicePath(name)),
    isOwnWork: true,
    decide: (draft, _state, command) => planChange(draft, command),
    bytes: (change) => namedBytes(change, change.changes),
    growth: (change) => namedBytes(change, change.changes),
  },
  deregisterInstance: {
    ...clientWrite,
    since: 3,
    freesSpace: true,
    validate: (command) => {
      validateInstanceName(command);
      if (command.force !== true) requireSession(command);
    },
    authorise: (ask, deregister) => authoriseRecipe(ask, servicePath(deregister.name), deregister),
    isOwnWork: true,
    decide: (draft, _state, command) => planDeregister(draft, command),
    bytes: namedBytes,
    growth: noGrowth,
  },
};

export const services: Recipe<ServiceCommand> = { commands };
