/**
 * Takes secrets and personal data out of a log line before anybody sees it. Every pattern is anchored so
 * that a run of characters is walked once, or has a bound: the time is linear in the length of the text,
 * whatever the text. A false hit costs a word of an example line; a miss costs a secret. So it errs wide.
 */

const HIDDEN = "‹redacted›";

/** Names whose value is a secret. `(?:…)` at the end: `secretKey`, `token_id`, `passwords`. */
const SECRET_NAME =
  "(?:password|passwd|passphrase|passcode|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|account[_-]?key|credentials?|session[_-]?id|sessid|csrf|otp|signature|cookie)(?:[_-]?(?:key|id|value|hash|text|base64|b64|s))?";
const SEPARATOR = `(?:\\\\{0,7}["'])?[ \\t]{0,4}(?:=>|:=|[:=])[ \\t]{0,4}`;
/** Goes on over a comma or a bracket unless what follows looks like the end of the value. */
const BARE_VALUE = `(?:[^\\s&"',;)}\\]]|[,;)}\\]](?!$|[\\s"'\\]),;}]|[\\w.-]{1,40}["']?[ ]?[:=]))+`;
const QUOTED = `\\\\{1,7}"[^"]*"?|"(?:[^"\\\\]|\\\\.)*"?|'(?:[^'\\\\]|\\\\.)*'?`;
const VALUE = `(?:${QUOTED}|${BARE_VALUE})`;
const SCHEME = "(?:(?:bearer|basic|digest|token|negotiate|apikey|bot)[ \\t]{1,4})?";

const KEYED = new RegExp(`(${SECRET_NAME}${SEPARATOR})${SCHEME}${VALUE}`, "gisu");
const AUTHORIZATION = new RegExp(`(authorization${SEPARATOR}["']?)${SCHEME}${VALUE}`, "gisu");
const FLAG = new RegExp(
  `(--?[a-z-]{0,20}(?:password|passwd|secret|token|api-?key)[ \\t]{1,4})(?!-)${VALUE}`,
  "gisu",
);
/** A cookie header is many pairs: all of the line, or up to the closing quote. */
const COOKIE = new RegExp(
  `(cookie2?(?:\\\\{0,7}["'])?[ \\t]{0,4}:[ \\t]{0,4})(?:${QUOTED}|[^"\\n]+)`,
  "gisu",
);

const WEBHOOK_URL =
  /https?:\/\/(?:hooks\.slack(?:-gov)?\.com\/|(?:\w{1,20}\.)?discord(?:app)?\.com\/api\/webhooks\/|[\w.-]{1,100}\.(?:webhook\.office|logic\.azure|powerplatform)\.com[:/])[^\s"'<>]*/giu;
const URL_CREDENTIALS = /(:\/\/)[^\s/?#"'<>]{1,512}@/gu;
const BEARER = /\b(bearer|basic)([ \t]{1,4})([\w.~+/=-]{8,})/giu;
const JWT = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}/gu;
/** Keys that can be told by their prefix: AWS, Slack, GitHub, GitLab, Stripe, Google, npm, SendGrid and more. */
const KNOWN_KEYS: readonly RegExp[] = [
  /(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/gu,
  /(?<![A-Za-z0-9])xox[a-z](?:\.xox[a-z])?-[\w-]{8,}/gu,
  /(?<![A-Za-z0-9])xapp-[\w-]{8,}/gu,
  /(?<![A-Za-z0-9])gh[a-z]_[A-Za-z0-9]{20,}/gu,
  /(?<![A-Za-z0-9])github_pat_\w{20,}/gu,
  /(?<![A-Za-z0-9])gl[a-z]{2,5}-[\w-]{16,}/gu,
  /(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}/gu,
  /(?<![A-Za-z0-9])whsec_[\w+/=-]{8,}/gu,
  /(?<![A-Za-z0-9])sk-[\w-]{20,}/gu,
  /(?<![A-Za-z0-9])AIza[\w-]{35}/gu,
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}/gu,
  /(?<![A-Za-z0-9])SG\.[\w-]{16,}\.[\w-]{16,}/gu,
  /(?<![A-Za-z0-9])ak_[\w-]{16,}/gu,
];
const EMAIL =
  /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]+@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}\p{N}-]{2,63}/gu;
const DIGIT_GROUPS = /(?<![A-Za-z0-9_]|\d\.)\d(?:[ -]?\d){12,}(?![A-Za-z0-9_])/gu;

/** The text with secrets, credentials, e-mail addresses and card numbers replaced by a word in ‹ ›. */
export function redact(text: string): string {
  let clean = hidePrivateKeys(text);
  clean = clean.replace(WEBHOOK_URL, "‹webhook url›");
  clean = clean.replace(URL_CREDENTIALS, "$1‹credentials›@");
  clean = clean.replace(COOKIE, `$1${HIDDEN}`);
  clean = clean.replace(AUTHORIZATION, `$1${HIDDEN}`);
  clean = clean.replace(KEYED, `$1${HIDDEN}`);
  clean = clean.replace(FLAG, `$1${HIDDEN}`);
  clean = clean.replace(BEARER, (whole, scheme: string, gap: string, value: string) =>
    looksRandom(value) ? `${scheme}${gap}${HIDDEN}` : whole,
  );
  for (const known of KNOWN_KEYS) clean = clean.replace(known, "‹key›");
  clean = clean.replace(JWT, "‹jwt›");
  clean = clean.replace(EMAIL, "‹email›");
  return clean.replace(DIGIT_GROUPS, hideCards);
}

const KEY_BEGIN = "-----BEGIN ";
const KEY_END = "-----END ";

/** A private key that is cut off is hidden to the end of the text. */
function hidePrivateKeys(text: string): string {
  let begin = text.indexOf(KEY_BEGIN);
  if (begin < 0) return text;
  let clean = "";
  let from = 0;
  while (begin >= 0) {
    const nameEnd = text.indexOf("-----", begin + KEY_BEGIN.length);
    const name = text.slice(begin, nameEnd < 0 ? begin + 64 : Math.min(nameEnd, begin + 64));
    if (!name.includes("PRIVATE KEY")) {
      clean += text.slice(from, begin + KEY_BEGIN.length);
      from = begin + KEY_BEGIN.length;
      begin = text.indexOf(KEY_BEGIN, from);
      continue;
    }
    clean += `${text.slice(from, begin)}‹private key›`;
    const end = text.indexOf(KEY_END, begin);
    if (end < 0) return clean;
    const close = text.indexOf("-----", end + KEY_END.length);
    if (close < 0) return clean;
    from = close + 5;
    begin = text.indexOf(KEY_BEGIN, from);
  }
  return clean + text.slice(from);
}

/** "Basic validation failed" is prose; a credential has a digit, a capital or padding in it. */
function looksRandom(value: string): boolean {
  return /[0-9A-Z=+]/u.test(value);
}

/** Hides the runs of whole groups that are a card number: right length, an issuer's prefix, and Luhn's sum. */
function hideCards(run: string): string {
  const parts = run.split(/([ -])/u); // Groups at even places, what stands between them at odd ones.
  const groups = parts.filter((_, index) => index % 2 === 0);
  let clean = "";
  let index = 0;
  while (index < groups.length) {
    const length = cardGroups(groups, index);
    if (length === 0) {
      clean += `${groups[index] ?? ""}${parts[index * 2 + 1] ?? ""}`;
      index += 1;
      continue;
    }
    const digits = groups.slice(index, index + length).join("");
    clean += `‹card …${digits.slice(-4)}›${parts[(index + length) * 2 - 1] ?? ""}`;
    index += length;
  }
  return clean;
}

const CARD_DIGITS_MIN = 13;
const CARD_DIGITS_MAX = 19;

/** How many groups from `start` on make a card number; 0 when none do. */
function cardGroups(groups: readonly string[], start: number): number {
  let digits = "";
  for (let index = start; index < groups.length; index += 1) {
    digits += groups[index] ?? "";
    if (digits.length > CARD_DIGITS_MAX) return 0;
    if (digits.length >= CARD_DIGITS_MIN && isCard(digits)) return index - start + 1;
  }
  return 0;
}

function isCard(digits: string): boolean {
  if (!/^(?:4|5[0-8]|2[2-7]|3[0-9]|6)/u.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
