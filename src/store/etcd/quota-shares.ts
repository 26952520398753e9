// From which shares of etcd's quota on less is written. Whoever looks at them need not load what speaks to etcd.

/** Writes are slowed down, and a snapshot is due. */
export const tightShare = 0.7;

/** Only what makes room is put, and what keeps sessions. */
export const closedShare = 0.85;
