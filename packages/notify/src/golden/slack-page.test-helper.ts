import type { Block, SlackContent } from "../slack/render.ts";

/** One message, and what was said in its thread. */
export interface ShownMessage {
  readonly title: string;
  readonly content: SlackContent;
  readonly isEdited: boolean;
  readonly replies: readonly SlackContent[];
  /** The clock of the message, such as `14:02`. */
  readonly time: string;
}

/** A page that shows messages as Slack shows them, with nothing from anywhere else. */
export function slackPage(messages: readonly ShownMessage[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tracer's alerts in Slack</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><header><b># alerts</b><span>${messages.length} messages</span></header><main>
${messages.map(messageHtml).join("\n")}
</main></body></html>
`;
}

function messageHtml({ title, content, isEdited, replies, time }: ShownMessage): string {
  const thread = replies
    .map(
      (reply) => `<div class="reply">${avatar()}<div>${author(time)}${bodyHtml(reply)}</div></div>`,
    )
    .join("");
  const count = `<a class="count">${replies.length} repl${replies.length === 1 ? "y" : "ies"}</a>`;
  return `<h2 id="${html(title)}">${html(title)}</h2>
<div class="lock"><b>Slack</b> <span>#alerts</span><div>${html(decoded(content.text))}</div></div>
<article>${avatar()}<div class="message">${author(time)}${bodyHtml(content)}${isEdited ? '<span class="edited">(edited)</span>' : ""}${
    thread === "" ? "" : `${count}<div class="thread">${thread}</div>`
  }</div></article>`;
}

function avatar(): string {
  return '<svg class="avatar" viewBox="0 0 36 36" aria-hidden="true"><rect width="36" height="36" rx="6" fill="#1d2b3a"/><path d="M5 22h7l3-10 5 15 4-9h7" fill="none" stroke="#5fd0a5" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>';
}

function author(time: string): string {
  return `<div class="author"><b>Tracer</b><i>APP</i><time>${html(time)}</time></div>`;
}

function bodyHtml({ text, blocks }: SlackContent): string {
  return blocks.length === 0 ? `<p>${mrkdwnHtml(text)}</p>` : blocks.map(blockHtml).join("");
}

function blockHtml(block: Block): string {
  switch (block.type) {
    case "header":
      return `<h3>${html(decoded(block.text.text))}</h3>`;
    case "section":
      return "fields" in block
        ? `<div class="fields">${block.fields.map(({ text }) => `<div>${mrkdwnHtml(text)}</div>`).join("")}</div>`
        : `<p>${mrkdwnHtml(block.text.text)}</p>`;
    case "actions":
      return `<div class="actions">${block.elements
        .map(({ text, url }) => `<a href="${html(url)}">${html(text.text)}</a>`)
        .join("")}</div>`;
    case "context":
      return `<div class="context">${block.elements.map(({ text }) => mrkdwnHtml(text)).join(" ")}</div>`;
    default:
      return block satisfies never;
  }
}

/** Code spans first: nothing in them is anything else. */
function mrkdwnHtml(text: string): string {
  return text
    .split(/(`[^`\n]+`)/u)
    .map((part, index) => {
      if (index % 2 === 1) return `<code>${html(decoded(part.slice(1, -1)))}</code>`;
      return part
        .split(/(<[^<>\n]+>)/u)
        .map(inlineHtml)
        .join("");
    })
    .join("");
}

function inlineHtml(part: string, index: number): string {
  if (index % 2 === 1) return tokenHtml(part.slice(1, -1));
  return html(decoded(part))
    .replace(/(^|[\s(>])\*([^*\n]+)\*/gmu, "$1<b>$2</b>")
    .replace(/(^|[\s(·])_([^_\n]+)_/gmu, "$1<em>$2</em>")
    .replaceAll("\n", "<br>");
}

function tokenHtml(token: string): string {
  const date = /^!date\^(-?\d+)\^([^|^]*)\|/u.exec(token);
  if (date !== null) return html(dateText(Number(date[1]), date[2] ?? ""));
  if (!/^https?:/u.test(token)) return `<mark>${html(token)}</mark>`; // A mention: there must be none.
  const [url = "", label = url] = token.split("|");
  return `<a href="${html(url)}">${html(decoded(label))}</a>`;
}

/** As a reader in UTC sees it. */
function dateText(seconds: number, format: string): string {
  const at = new Date(seconds * 1000);
  const options = { timeZone: "UTC", hour: "numeric", minute: "2-digit" } as const;
  const time = at.toLocaleTimeString("en-US", { ...options, second: "2-digit" });
  const day = at.toLocaleDateString("en-US", { timeZone: "UTC", dateStyle: "medium" });
  return format
    .replace("{date_short_pretty}", day)
    .replace("{time_secs}", time)
    .replace("{time}", at.toLocaleTimeString("en-US", options));
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;" },
  ...{ '"': "&quot;", "'": "&#39;" },
};

function html(text: string): string {
  return text.replace(/[&<>"']/gu, (sign) => ESCAPES[sign] ?? "");
}

function decoded(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

const STYLE = `
*{box-sizing:border-box}body{margin:0;background:#fff;color:#1d1c1d;font:15px/1.466 Lato,Slack-Lato,"Helvetica Neue",Helvetica,"Segoe UI",Arial,sans-serif;font-variant-ligatures:common-ligatures}
header{position:sticky;top:0;background:#fff;border-bottom:1px solid #e2e2e2;padding:12px 20px;display:flex;gap:12px;align-items:baseline;z-index:1}header b{font-size:18px}header span{color:#616061;font-size:13px}
main{max-width:860px;margin:0 auto;padding:8px 20px 60px}
h2{font:600 12px/1 ui-monospace,Menlo,Consolas,monospace;color:#868686;margin:38px 0 10px;border-top:1px solid #e8e8e8;padding-top:16px}
.lock{background:#ececf0;border-radius:12px;padding:8px 14px;max-width:460px;font-size:13px;margin-bottom:10px}.lock span{color:#616061}.lock div{margin-top:1px}
article,.reply{display:grid;grid-template-columns:36px 1fr;gap:8px;padding:4px 0}
.avatar{width:36px;height:36px;display:block;margin-top:3px}
.author{display:flex;gap:6px;align-items:center}.author b{font-weight:900}.author i{font:700 10px/13px Lato,Arial,sans-serif;background:#ebeaeb;color:#616061;border-radius:2px;padding:1px 3px}.author time{color:#616061;font-size:12px}
h3{font-size:18px;line-height:1.333;font-weight:900;margin:4px 0 8px}
p{margin:4px 0 8px;overflow-wrap:anywhere}
.fields{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:8px 16px;margin:4px 0 8px}
code{font:12px/1.5 Monaco,Menlo,Consolas,"DejaVu Sans Mono",monospace;color:#c01343;background:rgba(29,28,29,.04);border:1px solid rgba(29,28,29,.13);border-radius:3px;padding:2px 3px 1px;overflow-wrap:anywhere;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.context{color:#616061;font-size:13px;line-height:1.38;margin:4px 0}.context code{font-size:11px}
.actions{display:flex;gap:8px;margin:4px 0 8px}.actions a{border:1px solid rgba(29,28,29,.3);border-radius:4px;padding:0 12px;height:36px;line-height:34px;font-weight:700;color:#1d1c1d;text-decoration:none}
.edited{color:#868686;font-size:12px}.count{display:inline-block;color:#1264a3;font-size:13px;font-weight:700;margin:4px 0}
.thread{border-left:3px solid #ddd;padding-left:12px;margin-top:4px}a{color:#1264a3}mark{background:#f2c744}
@media(max-width:560px){.fields{grid-template-columns:1fr}}
`;
