import { createHash } from "node:crypto";
import { escapeMarkup } from "@tracer/core";
import type { FastifyReply } from "fastify";
import { REPORT_STYLE } from "../../backtest/html-style.ts";

const OWN_STYLE = `${REPORT_STYLE}
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem; margin-bottom: 1.5rem; }
form.login { display: grid; gap: .75rem; max-width: 26rem; margin-top: 1.5rem; }
input, button { font: inherit; padding: .6rem .8rem; border-radius: .4rem; border: 1px solid var(--dim); background: var(--panel); color: var(--text); }
button { background: var(--accent); border-color: var(--accent); color: var(--ground); font-weight: 600; cursor: pointer; }
.wrong { color: var(--critical); }
code { font-family: var(--mono); font-size: .88em; overflow-wrap: anywhere; }
.method { font-weight: 700; text-transform: uppercase; font-family: var(--mono); font-size: .85em; }
article { margin-top: .75rem; padding: .8rem 1.1rem; }
article pre { color: var(--text); max-height: 24rem; overflow: auto; }
summary { cursor: pointer; }
.facts { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .2rem 1rem; margin-top: .75rem; }
.facts dt { color: var(--dim); }
`;

const STYLE_HASH = createHash("sha256").update(OWN_STYLE).digest("base64");
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

export interface HtmlPage {
  /** Any text. */
  readonly title: string;
  /** Markup, in which every text is escaped. */
  readonly body: string;
  /** More for the head: markup. */
  readonly head?: string;
}

/** Sends a page that runs no script and loads nothing; whoever has the link to it sees nothing of it again. */
export function sendHtml(reply: FastifyReply, { title, body, head = "" }: HtmlPage): FastifyReply {
  return reply
    .header("content-security-policy", POLICY)
    .header("cache-control", "no-store")
    .type("text/html; charset=utf-8")
    .send(
      '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
        '<meta name="viewport" content="width=device-width, initial-scale=1">' +
        `<title>${escapeMarkup(title)}</title>${head}<style>${OWN_STYLE}</style></head><body>${body}</body></html>`,
    );
}
