// The parts of a tree that recipes keep, be it the whole tree or a namespace.

export const locksPath = "/locks";
export const electionsPath = "/elections";
export const servicesPath = "/services";
export const barriersPath = "/barriers";
export const countersPath = "/counters";

export const keptPaths: readonly string[] = [
  locksPath,
  electionsPath,
  servicesPath,
  barriersPath,
  countersPath,
];
