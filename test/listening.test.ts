import { expect, test } from "vitest";
import { addressOf } from "../src/listening.ts";

test.for([
  { address: "127.0.0.1", family: "IPv4", url: "http://127.0.0.1:1", isLoopback: true },
  { address: "127.8.0.1", family: "IPv4", url: "http://127.8.0.1:1", isLoopback: true },
  { address: "::1", family: "IPv6", url: "http://[::1]:1", isLoopback: true },
  { address: "::ffff:127.0.0.1", family: "IPv6", url: "http://[::ffff:127.0.0.1]:1", isLoopback: true },
  { address: "0.0.0.0", family: "IPv4", url: "http://0.0.0.0:1", isLoopback: false },
  { address: "::", family: "IPv6", url: "http://[::]:1", isLoopback: false },
  { address: "192.168.127.1", family: "IPv4", url: "http://192.168.127.1:1", isLoopback: false },
  { address: "::ffff:10.127.0.1", family: "IPv6", url: "http://[::ffff:10.127.0.1]:1", isLoopback: false },
])(
  "$address is named as it is, and known for one that others can reach or not",
  ({ url, isLoopback, ...bound }) => {
    expect(addressOf({ ...bound, port: 1 }, "http")).toEqual({ url, isLoopback });
  },
);
