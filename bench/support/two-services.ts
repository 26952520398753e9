// Two services that differ in one thing, with the same requests to each in turn. Several times there are two new ones, begun
// in the other order, so that neither the process nor its turn makes the difference.

import { setTimeout as wait } from "node:timers/promises";
import { measure } from "../requests/wrk.ts";
import { eventLoopMs } from "./process-figures.ts";
import { type ServiceSetting, type ServiceUnderTest, withService } from "./service-under-test.ts";

export const requestKinds = ["get", "set"] as const;
export type RequestKind = (typeof requestKinds)[number];

export interface Requests {
  readonly perSecond: number;
  /** Processor time of the service's event loop by the requests it answered, whoever else wanted the processor. */
  readonly loopMicroseconds: number;
}

interface Load {
  readonly kind: RequestKind;
  readonly seconds: number;
  readonly settleMs: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * @param play is called for each pair with its two services, and the order in which they are to be asked
 * @param pairs of services, one after the other
 */
export async function withTwoServices<Name extends string>(
  [one, other]: readonly [Name, Name],
  settingOf: (name: Name) => ServiceSetting,
  play: (services: Readonly<Record<Name, ServiceUnderTest>>, order: readonly Name[]) => Promise<void>,
  pairs = 2,
): Promise<void> {
  for (let pair = 0; pair < pairs; pair += 1) {
    const [first, second] = pair % 2 === 0 ? ([one, other] as const) : ([other, one] as const);
    await withService(settingOf(first), (begunFirst) =>
      withService(settingOf(second), (begunSecond) =>
        play({ [first]: begunFirst, [second]: begunSecond } as Record<Name, ServiceUnderTest>, [
          first,
          second,
        ]),
      ),
    );
  }
}

export async function ask(
  service: ServiceUnderTest,
  { kind, seconds, settleMs, headers = {} }: Load,
): Promise<Requests> {
  const beforeMs = eventLoopMs(service.pid);
  const { perSecond, requests } = await measure({ ...service, kind, seconds, headers });
  const afterMs = eventLoopMs(service.pid);
  // What the one still has to tidy up must not burden the other.
  await wait(settleMs);
  return { perSecond, loopMicroseconds: ((afterMs - beforeMs) / requests) * 1000 };
}
