import assert from "node:assert/strict";
import { expect, test } from "vitest";
import { mayReach, parseAllowedHosts } from "./private-address.ts";

function allow(list: string) {
  const allowed = parseAllowedHosts(list);
  assert(allowed !== null);
  return allowed;
}

const NONE = allow("");

test.each([
  ...["127.0.0.1", "10.0.0.8", "172.16.3.4", "172.31.255.255", "192.168.1.1", "169.254.169.254"],
  ...["0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1"],
  ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "[::1]"],
  ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1"],
  ...["2002:7f00:1::", "2001:db8::1", "no address"],
])("%s is not reached", (address) => {
  expect(mayReach(address, "hooks.example", NONE)).toBe(false);
});

test.each(["8.8.8.8", "172.15.0.1", "172.32.0.1", "1.1.1.1", "2606:4700::1", "::ffff:8.8.8.8"])(
  "%s is reached",
  (address) => {
    expect(mayReach(address, "hooks.example", NONE)).toBe(true);
  },
);

test("a host is allowed by its name, an address or its network, and nothing beside it", () => {
  const allowed = allow(" hooks.internal, 10.1.0.0/16,::1 , 192.168.0.7");
  expect(mayReach("10.9.9.9", "HOOKS.internal", allowed)).toBe(true);
  expect(mayReach("10.9.9.9", "hooks.internal.evil.example", allowed)).toBe(false);
  expect(mayReach("10.1.255.3", "other", allowed)).toBe(true);
  expect(mayReach("10.2.0.1", "other", allowed)).toBe(false);
  expect(mayReach("::1", "other", allowed)).toBe(true);
  expect(mayReach("192.168.0.7", "other", allowed)).toBe(true);
  expect(mayReach("::ffff:192.168.0.7", "other", allowed)).toBe(true);
  expect(mayReach("192.168.0.8", "other", allowed)).toBe(false);
});

test.each(["http://x", "10.0.0.0/33", "a b", "10.0.0.0/x", "::1/129", "-x", "1.2.3.4/-1"])(
  "%s is no list of hosts",
  (list) => {
    expect(parseAllowedHosts(list)).toBeNull();
  },
);
