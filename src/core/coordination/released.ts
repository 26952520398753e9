// What giving up a claim, a candidacy or an instance answers.

export interface Released {
  /** The session whose claim it was, null for a znode without one; absent when it was gone already. */
  readonly owner?: string | null;
}
