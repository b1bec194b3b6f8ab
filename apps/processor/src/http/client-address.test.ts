import { expect, test } from "vitest";
import { parseTrustedProxies } from "../trusted-proxies.ts";
import { clientAddress } from "./client-address.ts";

function from(remoteAddress: string, forwarded: string, trusted: string): string {
  const request = { socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } };
  return clientAddress(request, parseTrustedProxies(trusted));
}

test("without trusted proxies the header says nothing", () => {
  expect(from("10.0.0.1", "203.0.113.9", "")).toBe("10.0.0.1");
  expect(from("::ffff:10.0.0.1", "203.0.113.9", "192.0.2.1")).toBe("10.0.0.1");
});

test("the nearest address that is no trusted proxy counts, whatever stands before it", () => {
  const trusted = "10.0.0.0/8, ::1";
  expect(from("10.0.0.1", "6.6.6.6, 203.0.113.9", trusted)).toBe("203.0.113.9");
  expect(from("::1", "203.0.113.9, 10.9.9.9", trusted)).toBe("203.0.113.9");
  expect(from("::1", "2001:db8::7", trusted)).toBe("2001:db8::7");
  expect(from("10.0.0.1", "", trusted)).toBe("10.0.0.1");
  expect(from("10.0.0.1", "203.0.113.9, unknown", trusted)).toBe("10.0.0.1");
  expect(from("10.0.0.1", Array(50).fill("10.0.0.2").join(","), trusted)).toBe("10.0.0.2");
});

test("a list holds addresses and networks, and nothing else", () => {
  for (const wrong of [
    "proxy.example",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.1/",
    "10.0.0.0/8/8",
    "*",
  ]) {
    expect([wrong, parseTrustedProxies(wrong)]).toEqual([wrong, null]);
  }
});
