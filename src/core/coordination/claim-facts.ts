// What is said of a claim to whoever asks, refusals included. It knows nothing else, so that refusals may know it.

export interface ClaimView {
  readonly id: string;
  readonly path: string;
  readonly mode: "exclusive" | "shared";
  readonly fence: number;
  /** What to send as `Fence` with writes that need the claim. */
  readonly fenceHeader: string;
  /** Id of its session; null for a znode that was made by hand and has none. */
  readonly session: string | null;
  /** The name its session was given; empty when it has none. */
  readonly sessionName: string;
  /** The JSON value its data is, or its data as text; null when it is empty. */
  readonly metadata: unknown;
}
