import { expect, test } from "vitest";
import { redact } from "./redact.ts";

/** Split, so that no scanner of sources takes the samples for real. */
const join = (...parts: string[]) => parts.join("");

test.each([
  ["password=hunter2 done", "password=‹redacted› done"],
  ['{"password":"hun\\"ter2","user":"bob"}', '{"password":‹redacted›,"user":"bob"}'],
  [String.raw`{\"token\":\"abc def\",\"n\":1}`, String.raw`{\"token\":‹redacted›,\"n\":1}`],
  ["user=bob,password=p,a=b", "user=bob,password=‹redacted›,a=b"],
  ["DB_PASSWORD: 'x y' rest", "DB_PASSWORD: ‹redacted› rest"],
  ["call(api_key=abc) failed", "call(api_key=‹redacted›) failed"],
  ["GET /a?token=abc&page=2", "GET /a?token=‹redacted›&page=2"],
  ["password=a,b)c;d", "password=‹redacted›"],
  ["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ‹redacted›"],
  ["run --password hunter2 --verbose", "run --password ‹redacted› --verbose"],
  ["Authorization: Bearer abc.def tail", "Authorization: ‹redacted› tail"],
  ["using bearer 0123456789abcdef now", "using bearer ‹redacted› now"],
  ["using Basic dXNlcjpwYXNz now", "using Basic ‹redacted› now"],
  ["Cookie: a=b; c=d\nnext", "Cookie: ‹redacted›\nnext"],
  ["set-cookie: sid=1; Path=/", "set-cookie: ‹redacted›"],
  [String.raw`\"cookie\":\"a=b; c=d\" x`, String.raw`\"cookie\":‹redacted› x`],
  ["postgres://bob:p@ss@db/x", "postgres://‹credentials›@db/x"],
  ["redis://:pw@cache:6379", "redis://‹credentials›@cache:6379"],
  ["https://example.com/?mail=a%40b", "https://example.com/?mail=a%40b"],
  [join("key AKIA", "IOSFODNN7EXAMPLE!"), "key ‹key›!"],
  [join("xox", "b-123456789012-abcdefghij"), "‹key›"],
  [join("gh", "p_abcdefghijklmnopqrstuvwxyz0123456789"), "‹key›"],
  [join("github_", "pat_11ABCDEFG0abcdefghijklmnop"), "‹key›"],
  [join("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"), "‹key›"],
  [join("AIza", "SyA-1234567890abcdefghijklmnopqrstu"), "‹key›"],
  ["jwt eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl end", "jwt ‹jwt› end"],
  [join("post to https://hooks.slack", ".com/services/T0/B0/abc ok"), "post to ‹webhook url› ok"],
  ["mail bob.smith+x@example.co.uk!", "mail ‹email›!"],
  ["paid with 4111 1111 1111 1111 ok", "paid with ‹card …1111› ok"],
  ["4111-1111-1111-1111 12", "‹card …1111› 12"],
  ["amex 378282246310005.", "amex ‹card …0005›."],
])("hides %j", (text, clean) => {
  expect(redact(text)).toBe(clean);
});

test("a private key goes, also when it is cut off", () => {
  const begin = join("-----BEGIN RSA ", "PRIVATE KEY-----");
  const end = join("-----END RSA ", "PRIVATE KEY-----");
  expect(redact(`a ${begin}\nMIIE\n${end} b`)).toBe("a ‹private key› b");
  expect(redact(`a ${begin}\nMIIE`)).toBe("a ‹private key›");
  expect(redact("-----BEGIN CERTIFICATE-----\nMIID")).toContain("MIID");
});

test.each([
  "payment gateway timeout after 3000 ms for order 8813",
  "password authentication failed for user app",
  "Basic validation failed",
  "ts=1795358857000 trace=550e8400-e29b-41d4-a716-446655440000",
  "order 4111111111111112 failed", // Luhn's sum is wrong.
  "value 0.4111111111111111",
  "at Object.<anonymous> (/app/src/token-store.ts:41:12)",
])("leaves alone %j", (text) => {
  expect(redact(text)).toBe(text);
});

const HOSTILE = [
  ...[
    "password=",
    'password="',
    "password='",
    'token:\\"',
    "secret=,",
    "--token ",
    "cookie:",
    "a@",
  ],
  ...["eyJ", "eyJaaaaa.", "://", "://a:", "-----BEGIN ", "1 ", "4", "4-", "bearer ", "a", "aaaa."],
  ...["https://hooks.slack", "xoxb-", '"', "sk-", "authorization: bearer "],
];

// Goal: no input makes it slow. Method: twice the text may not take much more than twice the time; the least
// of five runs, and a floor below which a clock says nothing.
test("hostile text of 100 kB costs in proportion to its length", () => {
  const leastMs = (text: string) => {
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      redact(text);
      return performance.now() - start;
    });
    return Math.max(1, Math.min(...times));
  };
  for (const unit of HOSTILE) {
    const half = unit.repeat(Math.floor(50_000 / unit.length));
    const ratio = leastMs(half + half) / leastMs(half);
    expect(ratio, unit).toBeLessThan(8); // Linear is 2; quadratic, with the floor, would be far beyond.
  }
});
