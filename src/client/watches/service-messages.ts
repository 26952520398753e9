// What a stream of one service tells, typed, and how it is read from its events. The events of one transaction are one
// message: who takes it has the whole, and can go on after it.

import type { EventSourceMessage } from "eventsource-parser";
import { type InstanceView, instanceStates } from "../../core/coordination/instances.ts";
import { parseObject } from "../calls/errors.ts";
import {
  type BookmarkMessage,
  type ByeMessage,
  type Members,
  messageOf,
  type ResetMessage,
  type SyncedMessage,
  type ToldTransaction,
  unreadable,
  zxidIn,
} from "./messages.ts";

export interface InstanceEvent {
  /** To a filter: `added` when it begins to fit it, `removed` when it no longer does. */
  readonly type: "added" | "updated" | "removed";
  /** As it is now; one that is removed as it last was. */
  readonly instance: InstanceView;
}

interface InstancesMessage {
  readonly type: "snapshot";
  readonly zxid: number;
  readonly instances: readonly InstanceView[];
}

export type ServiceMessage =
  | InstancesMessage
  | ToldTransaction<InstanceEvent>
  | SyncedMessage
  | ResetMessage
  | BookmarkMessage;

/** Reads the events of one connection. @throws ConnectionError when one cannot be read */
export function serviceReader(): (event: EventSourceMessage) => ServiceMessage | ByeMessage | null {
  let events: InstanceEvent[] = [];
  return (event) => {
    switch (event.event) {
      case "snapshot": {
        const members = parseObject(event.data);
        return { type: "snapshot", zxid: zxidIn(members), instances: instancesIn(members.instances) };
      }
      case "added":
      case "updated":
      case "removed": {
        const { instance, ...facts } = parseObject(event.data);
        events.push({ type: event.event, instance: instanceIn(instance) });
        // The last one of a transaction has the id.
        if (event.id === undefined) return null;
        const message = { ...factsIn(facts), events };
        events = [];
        return message;
      }
      case "change":
        return null;
      default:
        return messageOf(event) as SyncedMessage | ResetMessage | BookmarkMessage | ByeMessage | null;
    }
  };
}

function factsIn(facts: Members): Omit<ToldTransaction<InstanceEvent>, "events"> {
  return { ...(facts as unknown as ToldTransaction<InstanceEvent>), type: "change", zxid: zxidIn(facts) };
}

function instancesIn(list: unknown): InstanceView[] {
  if (!Array.isArray(list)) throw unreadable("it has no list of instances");
  return list.map(instanceIn);
}

function instanceIn(item: unknown): InstanceView {
  const { id, address, port, state } = Object(item) as Members;
  const isOne = typeof id === "string" && typeof address === "string" && typeof port === "number";
  if (isOne && instanceStates.some((known) => known === state)) return item as InstanceView;
  throw unreadable("an instance has no id, address, port or state");
}
