// A claim on a lock as it is shown: among the holders of its lock, and in the refusal of who cannot have it.

import { Type } from "typebox";

export const fenceHeaderMember = Type.String({
  description:
    "The ready value of the header `Fence`, the epoch of its number included: a write that carries it happens only while " +
    "the claim is there, and not in a store that was rolled back and has another claim of that number.",
});

export const fenceMember = Type.Integer({
  description: "Grows from holder to holder. Writes that need the claim carry it: see fenceHeader.",
});

export const sessionMembers = {
  session: Type.Union([Type.String(), Type.Null()], {
    description: "Id of its session; null for a znode made by hand that is not ephemeral.",
  }),
  sessionName: Type.String({ description: "The name its session was opened with." }),
};

export const claimModes = ["exclusive", "shared"] as const;

export const claimMembers = {
  id: Type.String({ description: "The name of its znode." }),
  path: Type.String({ description: "Its znode." }),
  mode: Type.Enum([...claimModes], { description: "shared: together with others that are." }),
  fence: fenceMember,
  fenceHeader: fenceHeaderMember,
  ...sessionMembers,
  metadata: Type.Unknown({ description: "What it said of itself, any JSON; null for nothing." }),
};

export const claim = Type.Object(claimMembers, { title: "Claim", description: "A claim on a lock." });
