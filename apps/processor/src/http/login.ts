import { TracerError } from "@tracer/core";
import { SESSION_HOURS, type SessionKey } from "@tracer/store";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { requireOwnOrigin } from "./access.ts";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { type Caller, EVERYONE, mayDo } from "./caller.ts";
import { statusOf } from "./errors.ts";
import { sendLogin } from "./html/login-page.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";
import { SESSION_COOKIES, sessionToken } from "./presented-key.ts";

export interface LoginRoutesOptions {
  /** As of AccessOptions; counts wrong keys by address. */
  readonly findKey: (candidates: readonly string[], address: string) => Promise<Caller | null>;
  readonly addressOf: (request: FastifyRequest) => string;
  readonly keysExist: () => boolean;
  /** Begins a session; its token. */
  readonly begin: (key: SessionKey) => Promise<string>;
  readonly end: (token: string) => Promise<void>;
  readonly publicHost: string | null;
  /** The browser sends the cookie over TLS only. */
  readonly isSecure: boolean;
}

const KEY_CHARS_MAX = 500;
const FORM_TYPE = "application/x-www-form-urlencoded";

const Body = z.strictObject({
  key: z.string().min(1).max(KEY_CHARS_MAX),
  next: z
    .string()
    .regex(/^(?:i\/[a-zA-Z0-9_-]{1,60}|docs)?$/, "must be a page of Tracer")
    .default("")
    .describe("Of forms: the page to go on with."),
});

const DOCS = {
  page: {
    tag: "pages",
    summary: "A form that asks for a key; works without a script.",
    answers: { 200: { type: "text/html" } },
  },
  login: {
    tag: "administer",
    summary: "Begins a session of a browser with a key that may read.",
    description: `It lasts ${SESSION_HOURS} hours, or until its key does not count any more.`,
    body: { schema: Body, type: ["application/json", FORM_TYPE] },
    answers: {
      200: { schema: ANSWERS.LoggedIn, description: "The session's cookie is set." },
      303: { description: "So is it; to a form, with the page to go on with." },
      401: { schema: ANSWERS.Failure, description: "The key is not known." },
      403: { schema: ANSWERS.Failure, description: "It may not read, or a foreign page asks." },
    },
  },
  logout: {
    tag: "administer",
    summary: "Ends the session of the browser that asks.",
    answers: { 204: {}, 303: { description: "To a form, with the page to go on with." } },
  },
} as const satisfies Readonly<Record<string, RouteDoc>>;

/** Sessions for browsers: a key once, then a cookie that no script reads and no other site makes use of. */
export const loginRoutes: FastifyPluginAsync<LoginRoutesOptions> = async (app, options) => {
  app.addContentTypeParser(FORM_TYPE, { parseAs: "string" }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  const open = (doc: RouteDoc) => ({ config: { scope: "open" as const, doc } });
  const page = { config: { ...open(DOCS.page).config, page: true } };
  app.get("/login", page, async (_request, reply) => sendLogin(reply, { root: "", next: "" }));

  app.post("/login", open(DOCS.login), async (request, reply) => {
    const isForm = request.headers["content-type"]?.startsWith(FORM_TYPE) === true;
    requireOwnOrigin(options, request);
    const { key, next } = parseInput(Body, request.body ?? {});
    try {
      const caller = await login(options, request, reply, key);
      if (isForm)
        return reply
          .code(303)
          .header("location", next === "" ? "./" : next)
          .send();
      return { project: caller.project, name: caller.name, scopes: caller.scopes };
    } catch (error) {
      if (!isForm || !(error instanceof TracerError)) throw error;
      reply.code(statusOf(error.code));
      return sendLogin(reply, { root: "", next, wrong: error.message });
    }
  });

  app.post("/logout", open(DOCS.logout), async (request, reply) => {
    requireOwnOrigin(options, request);
    const token = sessionToken(request.headers);
    const caller =
      token === null ? null : await options.findKey([token], options.addressOf(request));
    if (token !== null && caller !== null) {
      await options.end(token);
      noteAct(request, "logout", "", caller);
    }
    setCookie(reply, options, "", 0);
    const isForm = request.headers["content-type"]?.startsWith(FORM_TYPE) === true;
    return isForm ? reply.code(303).header("location", "./").send() : reply.code(204).send();
  });
};

async function login(
  options: LoginRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
): Promise<Caller> {
  if (!options.keysExist()) return EVERYONE;
  const caller = await options.findKey([key], options.addressOf(request));
  if (caller === null) throw new TracerError("KEY_INVALID", "This key is not known.");
  if (!mayDo(caller, "read")) throw new TracerError("KEY_FORBIDDEN", "This key may not read.");
  const isStored = caller.id.startsWith("key:");
  const token = await options.begin(isStored ? { keyId: caller.id } : { staticKey: key });
  setCookie(reply, options, token, SESSION_HOURS * 3_600);
  noteAct(request, "login", "", caller);
  return caller;
}

function setCookie(
  reply: FastifyReply,
  { isSecure }: LoginRoutesOptions,
  token: string,
  maxAgeSeconds: number,
): void {
  const [secureName, plainName] = SESSION_COOKIES;
  const name = isSecure ? secureName : plainName;
  reply.header(
    "set-cookie",
    `${name}=${token}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`,
  );
}
