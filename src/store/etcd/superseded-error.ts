// That what servers share has gone on without this one, which need not mind: whoever was faster has done the work.

/** Another snapshot is there by now than the one that was counted on, or would have been put. */
export class SupersededError extends Error {}
