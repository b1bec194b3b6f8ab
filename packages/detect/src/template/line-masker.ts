import {
  ALNUM,
  APOSTROPHE,
  AT,
  BACKSLASH,
  BLANK,
  COLON,
  characterClasses,
  DIGIT,
  DOT,
  ESCAPE,
  FENCE,
  HEX_LETTER,
  isId,
  JOINT,
  LETTER,
  LOWER_X,
  MINUS,
  QUOTE,
  SLASH,
  TILDE,
  ZERO,
} from "./characters.ts";
import { digitsMask, MASK_TEXTS, Mask, partlyMasked, UNIT_CHARS_MAX, UNITS } from "./masks.ts";
import { MESSAGE_CHARS_MAX, messageExtent } from "./message-extent.ts";
import { hashOf, mix, OFFSET, VALUE, WILD } from "./token-hash.ts";

/** Tokens of a message that make its kind. Fixed, so that a line cut at its bound is no other kind. */
export const TOKENS_MAX = 24;

/**
 * Turns a message into the tokens of its kind, in one walk over its characters: words stay, values are
 * masked (numbers, hex, ids, UUIDs, addresses, times, durations, paths, URLs, e-mail addresses, quoted
 * text). Two messages are of one kind when the hashes of their tokens are the same; how a value looked
 * does not count, since `12345678` may be hex. Reused from line to line: nothing is allocated until `text`.
 * The time is linear in LINE_CHARS_MAX, whatever the text.
 */
export class LineMasker {
  /** Tokens of the last line, and their hashes. */
  length = 0;
  readonly hashes = new Int32Array(TOKENS_MAX);
  /** Hash of all tokens. */
  hash = 0;
  #line = "";
  #end = 0;
  readonly #class = characterClasses();
  readonly #start = new Int32Array(TOKENS_MAX);
  readonly #wordStart = new Int32Array(TOKENS_MAX);
  readonly #wordEnd = new Int32Array(TOKENS_MAX);
  readonly #stop = new Int32Array(TOKENS_MAX);
  readonly #lead = new Int32Array(TOKENS_MAX);
  readonly #mask = new Uint8Array(TOKENS_MAX);
  /** Closing quotes that are known not to come any more: `"`, `'` and the backtick. */
  #noDouble = false;
  #noSingle = false;
  #noBacktick = false;

  /** Reads a line. What it made of the one before is gone. */
  read(message: string): void {
    const line = message.length > MESSAGE_CHARS_MAX ? message.slice(0, MESSAGE_CHARS_MAX) : message;
    const [from, to] = messageExtent(line);
    this.#line = line;
    this.#end = to;
    this.length = 0;
    this.#noDouble = false;
    this.#noSingle = false;
    this.#noBacktick = false;
    let at = from;
    while (at < to && this.length < TOKENS_MAX) at = this.#token(at);
    this.hash = hashOf(this.hashes, this.length);
  }

  /** The masked line, and where each token of it ends. */
  text(): { text: string; ends: number[] } {
    let text = "";
    const ends: number[] = [];
    for (let token = 0; token < this.length; token += 1) {
      const start = this.#start[token] ?? 0;
      const wordStart = this.#wordStart[token] ?? 0;
      const wordEnd = this.#wordEnd[token] ?? 0;
      const mask = this.#mask[token] ?? 0;
      const gap = token > 0 && this.#isBlankAt(start - 1) ? " " : "";
      const word = this.#line.slice(wordStart, wordEnd);
      text += gap + this.#line.slice(start, wordStart);
      if (mask === Mask.none) text += word;
      else text += mask === Mask.partly ? partlyMasked(word) : (MASK_TEXTS[mask] ?? "");
      // A list that became one value ends as its last value does.
      const tail = this.#line.slice(this.#tailStart(token), this.#stop[token] ?? wordEnd);
      text += tail;
      ends.push(text.length);
    }
    return { text, ends };
  }

  #tailStart(token: number): number {
    let at = this.#stop[token] ?? 0;
    const wordEnd = this.#wordEnd[token] ?? 0;
    while (at > wordEnd && !this.#isWordAt(at - 1)) at -= 1;
    return at;
  }

  #isBlankAt(at: number): boolean {
    return at >= 0 && (this.#classAt(at) & BLANK) !== 0;
  }

  #isWordAt(at: number): boolean {
    return (this.#classAt(at) & (ALNUM | BLANK | QUOTE)) !== 0;
  }

  #classAt(at: number): number {
    const code = this.#line.charCodeAt(at);
    return code < 128 ? (this.#class[code] ?? 0) : LETTER;
  }

  /** Reads one token from `at` on: what stands before a word, the word, and what follows without a blank. */
  #token(from: number): number {
    const end = this.#end;
    let at = from;
    while (at < end && (this.#classAt(at) & BLANK) !== 0) at = this.#skipBlank(at);
    if (at >= end) return end;
    const start = at;
    let lead = OFFSET;
    let mask: number = Mask.none;
    let wordEnd = -1;
    while (at < end) {
      const kind = this.#classAt(at);
      if ((kind & BLANK) !== 0) break;
      wordEnd = (kind & ALNUM) !== 0 ? this.#word(at) : this.#special(at, kind);
      if (wordEnd >= 0) break;
      lead = mix(lead, this.#line.charCodeAt(at));
      at += 1;
    }
    const wordStart = at;
    let hash = lead;
    if (wordEnd >= 0) {
      mask = this.#found;
      hash = this.#hashWord(wordStart, wordEnd, mask, lead);
      at = wordEnd;
    } else {
      wordEnd = wordStart; // Nothing but punctuation.
    }
    const stop = this.#punctuation(at);
    let tail = hash;
    for (let each = at; each < stop; each += 1) tail = mix(tail, this.#line.charCodeAt(each));
    const bare = start === wordStart;
    if (!this.#joinsList(mask, bare, stop) && !this.#isUnit(mask, bare, wordStart, wordEnd, stop)) {
      const token = this.length;
      this.#start[token] = start;
      this.#wordStart[token] = wordStart;
      this.#wordEnd[token] = wordEnd;
      this.#stop[token] = stop;
      this.#mask[token] = mask;
      this.#lead[token] = lead;
      this.hashes[token] = tail === WILD || tail === VALUE ? 2 : tail;
      this.length += 1;
    }
    return stop;
  }
  #found: number = Mask.none;

  /** Punctuation goes with the word before it, unless it opens what follows. */
  #punctuation(from: number): number {
    let at = from;
    while (at < this.#end) {
      const kind = this.#classAt(at);
      if ((kind & (ALNUM | BLANK | QUOTE)) !== 0) break;
      const code = this.#line.charCodeAt(at);
      if (code === 40 || code === 91 || code === 123 || code === SLASH || code === MINUS) break;
      at += 1;
    }
    return at;
  }

  /** A value after a value, with a comma or a blank between: one value, however long the list is. */
  #joinsList(mask: number, bare: boolean, stop: number): boolean {
    const before = this.length - 1;
    if (mask < Mask.number || !bare || before < 0) return false;
    if ((this.#mask[before] ?? 0) < Mask.number) return false;
    const tail = this.#stop[before] ?? 0;
    const wordEnd = this.#tailStart(before);
    if (tail - wordEnd > 1) return false;
    const between = tail > wordEnd ? this.#line.charCodeAt(wordEnd) : 44;
    if (between !== 44 && between !== 59) return false;
    this.#lengthen(before, stop);
    return true;
  }

  /** A unit after a number: `5 s` is what `5s` is, and what `120 ms` is. */
  #isUnit(mask: number, bare: boolean, wordStart: number, wordEnd: number, stop: number): boolean {
    const before = this.length - 1;
    if (mask !== Mask.none || !bare || before < 0 || wordEnd - wordStart > UNIT_CHARS_MAX)
      return false;
    if (this.#mask[before] !== Mask.number || this.#stop[before] !== this.#wordEnd[before])
      return false;
    if (!UNITS.has(this.#line.slice(wordStart, wordEnd))) return false;
    this.#mask[before] = Mask.duration;
    this.#lengthen(before, stop);
    return true;
  }

  /** A masked token takes in what follows it, up to `stop`. */
  #lengthen(token: number, stop: number): void {
    let hash = mix(this.#lead[token] ?? 0, VALUE);
    this.#stop[token] = stop;
    for (let at = this.#tailStart(token); at < stop; at += 1) {
      hash = mix(hash, this.#line.charCodeAt(at));
    }
    this.hashes[token] = hash === WILD || hash === VALUE ? 2 : hash;
  }

  /** Colours of a terminal are nothing. */
  #skipBlank(at: number): number {
    if (this.#line.charCodeAt(at) !== ESCAPE || this.#line.charCodeAt(at + 1) !== 91) return at + 1;
    let next = at + 2;
    while (next < this.#end && this.#line.charCodeAt(next) < 64) next += 1;
    return next + 1;
  }

  /** A word that does not begin with a letter or digit: quoted text, a path, a negative number. Else -1. */
  #special(at: number, kind: number): number {
    const code = this.#line.charCodeAt(at);
    if ((kind & QUOTE) !== 0) return this.#quoted(at, code);
    const next = at + 1 < this.#end ? this.#classAt(at + 1) : 0;
    if (code === MINUS || code === DOT) {
      if ((next & DIGIT) !== 0) return this.#word(at + 1);
      if (code === MINUS) return -1;
    }
    const follows = this.#line.charCodeAt(at + 1);
    const isRoot =
      (code === SLASH || code === BACKSLASH) && ((next & ALNUM) !== 0 || follows === DOT);
    const isHere = (code === DOT || code === TILDE) && follows === SLASH;
    if (!isRoot && !isHere && !(code === BACKSLASH && follows === BACKSLASH)) return -1;
    this.#found = Mask.path;
    return this.#fence(at + 1);
  }

  /** Where a path or URL ends: at a blank, a quote or a bracket. */
  #fence(from: number): number {
    let at = from;
    while (at < this.#end && (this.#classAt(at) & (BLANK | QUOTE | FENCE)) === 0) at += 1;
    return at;
  }

  /** Quoted text up to its closing quote; the quote alone is punctuation when there is none. */
  #quoted(at: number, quote: number): number {
    const isSingle = quote === APOSTROPHE;
    if (isSingle ? this.#noSingle : quote === 34 ? this.#noDouble : this.#noBacktick) return -1;
    if (isSingle && at > 0 && (this.#classAt(at - 1) & ALNUM) !== 0) return -1; // An apostrophe.
    let close = at + 1;
    while (close < this.#end && this.#line.charCodeAt(close) !== quote) {
      close += this.#line.charCodeAt(close) === BACKSLASH ? 2 : 1;
    }
    if (close >= this.#end) {
      if (isSingle) this.#noSingle = true;
      else if (quote === 34) this.#noDouble = true;
      else this.#noBacktick = true;
      return -1;
    }
    // The name of a JSON field says what kind of message it is.
    const isName = this.#line.charCodeAt(close + 1) === COLON && this.#isName(at + 1, close);
    this.#found = isName ? Mask.none : Mask.quoted;
    return close + 1;
  }

  #isName(from: number, to: number): boolean {
    if (to - from > 40 || to === from) return false;
    for (let at = from; at < to; at += 1) {
      if ((this.#classAt(at) & (HEX_LETTER | LETTER | JOINT)) === 0) return false;
    }
    return true;
  }

  /** The end of the word that begins at `from`; what it is goes to `#found`. */
  #word(from: number): number {
    const end = this.#end;
    let digits = 0;
    let hexLetters = 0;
    let letters = 0;
    let dots = 0;
    let colons = 0;
    let dashes = 0;
    let slashes = 0;
    let ats = 0;
    let at = from;
    while (at < end) {
      const kind = this.#classAt(at);
      if ((kind & DIGIT) !== 0) digits += 1;
      else if ((kind & HEX_LETTER) !== 0) hexLetters += 1;
      else if ((kind & LETTER) !== 0) letters += 1;
      else if ((kind & JOINT) !== 0) {
        const code = this.#line.charCodeAt(at);
        const next = at + 1 < end ? this.#classAt(at + 1) : 0;
        if (code === COLON && at + 2 < end && (next & ALNUM) === 0) {
          const follows = this.#line.charCodeAt(at + 1);
          if (follows === SLASH && this.#line.charCodeAt(at + 2) === SLASH) {
            this.#found = Mask.url;
            return this.#fence(at + 1);
          }
          if (follows === BACKSLASH && at === from + 1) {
            this.#found = Mask.path;
            return this.#fence(at + 1);
          }
          // Short for zeros in an address.
          if (follows === COLON && letters === 0 && (this.#classAt(at + 2) & ALNUM) !== 0) {
            colons += 2;
            at += 2;
            continue;
          }
        }
        if ((next & ALNUM) === 0) break;
        if (code === DOT) dots += 1;
        else if (code === COLON) colons += 1;
        else if (code === MINUS) dashes += 1;
        else if (code === AT) ats += 1;
        else if (code === SLASH || code === BACKSLASH) slashes += 1;
      } else break;
      at += 1;
    }
    const joints = dots + colons + dashes + slashes + ats;
    const length = at - from;
    if (slashes > 1 || (slashes === 1 && dots > 0)) {
      this.#found = Mask.path;
      return this.#fence(at);
    }
    if (ats > 0) this.#found = Mask.email;
    else if (digits === 0) {
      this.#found = letters === 0 && joints === 0 && length >= 8 ? Mask.hex : Mask.none;
    } else if (letters === 0 && hexLetters === 0) {
      this.#found = digitsMask(dots, colons, dashes, slashes);
    } else if (letters === 0 && dashes === 4 && length === 36) this.#found = Mask.uuid;
    else if (letters === 0 && colons >= 2) this.#found = Mask.ip;
    else if (letters === 0 && joints === 0 && length >= 6) this.#found = Mask.hex;
    else this.#found = this.#mixed(from, at, joints);
    return at;
  }

  /** A word of letters and digits. */
  #mixed(from: number, to: number, joints: number): number {
    const second = this.#line.charCodeAt(from + 1) | 0x20;
    if (this.#line.charCodeAt(from) === ZERO && second === LOWER_X) return Mask.hex;
    if ((this.#classAt(from) & DIGIT) !== 0) {
      return joints > 1 ? Mask.time : to - from <= 8 ? Mask.duration : Mask.id;
    }
    let first = from;
    while (first < to && (this.#classAt(first) & ALNUM) !== 0) first += 1;
    return isId(this.#line, from, first, this.#class) ? Mask.id : Mask.partly;
  }

  #hashWord(from: number, to: number, mask: number, lead: number): number {
    if (mask >= Mask.number) return mix(lead, VALUE);
    const line = this.#line;
    let hash = lead;
    if (mask === Mask.none) {
      for (let at = from; at < to; at += 1) hash = mix(hash, line.charCodeAt(at));
      return hash;
    }
    for (let at = from; at < to; ) {
      let end = at;
      let digits = 0;
      while (end < to) {
        const kind = this.#classAt(end);
        if ((kind & ALNUM) === 0) break;
        if ((kind & DIGIT) !== 0) digits += 1;
        end += 1;
      }
      if (end === at) {
        hash = mix(hash, line.charCodeAt(at)); // A joint.
        at += 1;
        continue;
      }
      if (digits > 0 && isId(line, at, end, this.#class)) hash = mix(hash, VALUE);
      else hash = this.#hashRuns(at, end, hash);
      at = end;
    }
    return hash;
  }

  /** Letters as they are, each run of digits as one value. */
  #hashRuns(from: number, to: number, start: number): number {
    let hash = start;
    let inDigits = false;
    for (let at = from; at < to; at += 1) {
      const isDigit = (this.#classAt(at) & DIGIT) !== 0;
      if (!isDigit) hash = mix(hash, this.#line.charCodeAt(at));
      else if (!inDigits) hash = mix(hash, VALUE);
      inDigits = isDigit;
    }
    return hash;
  }
}
