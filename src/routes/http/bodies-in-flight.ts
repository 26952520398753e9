// The bodies that are being read, of all connections together. Their bytes have a bound: where it is passed, the body
// that holds most goes, so that many large ones that never end cannot keep small ones out.

import type { HttpLimits } from "./http-limits.ts";
import { BodyRefused } from "./refused-body.ts";

/** A body on its way, and what of it is held. */
export interface HeldBody {
  /** Says how many bytes are held now. */
  holds(bytes: number): void;
  /** Nothing of it is held any more. */
  end(): void;
}

/** Totals count since the start. */
export interface BodiesStats {
  readonly bodies: number;
  /** What of them is held. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Those that had to go so that others could come. */
  readonly refusedTotal: number;
}

interface Held {
  bytes: number;
  readonly refuse: (refusal: BodyRefused) => void;
}

export class BodiesInFlight {
  readonly #bytesMax: number;
  readonly #held = new Set<Held>();
  #bytes = 0;
  #refused = 0;

  constructor({ bodiesBytesMax }: Pick<HttpLimits, "bodiesBytesMax">) {
    this.#bytesMax = bodiesBytesMax;
  }

  stats(): BodiesStats {
    return {
      ...{ bodies: this.#held.size, bytes: this.#bytes, bytesMax: this.#bytesMax },
      refusedTotal: this.#refused,
    };
  }

  /** @param refuse called at most once, when it has to go: it holds nothing from then on */
  begin(refuse: (refusal: BodyRefused) => void): HeldBody {
    const body: Held = { bytes: 0, refuse };
    this.#held.add(body);
    return {
      holds: (bytes) => this.#setBytes(body, bytes),
      end: () => this.#end(body),
    };
  }

  #setBytes(body: Held, bytes: number): void {
    if (!this.#held.has(body)) return;
    this.#bytes += bytes - body.bytes;
    body.bytes = bytes;
    while (this.#bytes > this.#bytesMax) this.#refuseLargest();
  }

  #end(body: Held): void {
    if (this.#held.delete(body)) this.#bytes -= body.bytes;
  }

  #refuseLargest(): void {
    let largest: Held | undefined;
    for (const body of this.#held) if (largest === undefined || body.bytes > largest.bytes) largest = body;
    if (largest === undefined) return;
    this.#end(largest);
    this.#refused += 1;
    const message = `The server holds ${this.#bytesMax} bytes of requests that are not whole yet; nothing was done.`;
    const details = { limit: "bodiesBytesMax", limitValue: this.#bytesMax, retryAfterSeconds: 1 };
    largest.refuse(new BodyRefused("throttled", message, details));
  }
}
