import { expect, test } from "vitest";
import { ADDRESSES_MAX, ATTEMPTS_MAX, KeyAttempts, networkOf } from "./key-attempts.ts";

test("addresses are remembered up to a bound, the one longest not wrong is forgotten first", () => {
  const attempts = new KeyAttempts(() => 0);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) attempts.failed("first");
  for (let address = 1; address < ADDRESSES_MAX; address += 1) attempts.failed(`a${address}`);
  expect(() => attempts.check("first")).toThrow(/wait/);
  attempts.failed("one more");
  expect(attempts.addresses).toBe(ADDRESSES_MAX);
  expect(() => attempts.check("first")).not.toThrow();
});

test("an IPv6 network is one address, an IPv4 address is itself, however it is written", () => {
  const network = "2001:db8:0:7::/64";
  expect(networkOf("2001:db8:0:7::1")).toBe(network);
  expect(networkOf("2001:DB8:0:7:ffff:ffff:ffff:ffff")).toBe(network);
  expect(networkOf("2001:db8:0:8::1")).not.toBe(network);
  expect(networkOf("::1")).toBe("0:0:0:0::/64");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  expect(networkOf("::ffff:10.0.0.7")).toBe("10.0.0.7");
  expect(networkOf("10.0.0.7")).toBe("10.0.0.7");
});
