// What those ask who are not to be harmed.

export const goodKinds = ["keepalive", "PUT", "GET"] as const;

/** A GET has a connection of its own each time. */
export type GoodKind = (typeof goodKinds)[number];
