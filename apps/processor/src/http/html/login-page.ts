import { escapeMarkup } from "@tracer/core";
import type { FastifyReply } from "fastify";
import { sendHtml } from "./frame.ts";

export interface LoginPage {
  /** Where Tracer's paths begin, seen from this page: `""` or `"../"`. */
  readonly root: string;
  /** Where to go on after it, from the root; `""` is the operator page. */
  readonly next: string;
  /** Why the last try did not work. Any text. */
  readonly wrong?: string;
}

/** Sends a form that asks for a key. Its status is the caller's to set. */
export function sendLogin(reply: FastifyReply, page: LoginPage): FastifyReply {
  return sendHtml(reply, { title: "Log in to Tracer", body: loginBody(page) });
}

/** A form that asks for a key, as markup; works without a script. */
export function loginBody({ root, next, wrong = "" }: LoginPage): string {
  const said = wrong === "" ? "" : `<p class="wrong" role="alert">${escapeMarkup(wrong)}</p>`;
  return (
    '<header><p class="brand">Tracer</p><h1>Log in</h1>' +
    '<p class="lede">With a key that may read, such as TRACER_ADMIN_KEY.</p></header>' +
    `<main>${said}<form class="login" method="post" action="${escapeMarkup(root)}login">` +
    `<input type="hidden" name="next" value="${escapeMarkup(next)}">` +
    '<label for="key">Key</label>' +
    '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>' +
    "<button>Log in</button></form></main>"
  );
}
