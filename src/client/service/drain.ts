// What a server was told of its clients: a share of them is to go elsewhere.

export interface DrainPlan {
  /** The share, of what is open now. */
  readonly percent: number;
  /** Streams that are told goodbye, and connections that end behind what is under way on them. */
  readonly streams: number;
  readonly connections: number;
  /** The last of them is told in about this time. */
  readonly withinMs: number;
}
