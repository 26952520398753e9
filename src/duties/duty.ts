// Something that one server does on behalf of all: what is due by itself, without anybody asking for it.

export interface Duty {
  /** Takes it up. Whatever is due counts from now, in full: what passed before was measured by another, or by nobody. */
  start(): void;
  /** Lays it down: nothing is asked for any more. What is on its way to the log happens. It may be taken up again. */
  stop(): void;
}
