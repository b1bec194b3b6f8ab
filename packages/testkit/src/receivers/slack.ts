import {
  type Answer,
  field,
  type Receiver,
  type RecordedRequest,
  startReceiver,
} from "./receiver.ts";
import {
  createSlackWorkspace,
  type SlackWorkspace,
  type SlackWorkspaceOptions,
} from "./slack-workspace.ts";

export interface FakeSlackOptions extends SlackWorkspaceOptions {
  /** The bot token that is accepted. Default `xoxb-test`. */
  readonly token?: string;
  /** What the token may do. Default: to post and to read channels. */
  readonly scopes?: readonly string[];
  readonly port?: number;
  /** Told of every call of the Web API that had its effect, in their order. */
  readonly onCall?: (method: string, args: unknown) => void;
}

/** Slack on loopback: Web API and incoming webhook over one workspace. Routes are the methods' names, and `webhook`. */
export interface FakeSlack extends Receiver, SlackWorkspace {
  readonly token: string;
  readonly apiUrl: string;
  readonly webhookUrl: string;
}

const WEBHOOK_PATH = "/services/T0EXAMPLE/B0TRACER/tracer";

export async function startFakeSlack(options: FakeSlackOptions = {}): Promise<FakeSlack> {
  const { token = "xoxb-test" } = options;
  const workspace = createSlackWorkspace(options);
  const receiver = await startReceiver({
    ...(options.port === undefined ? {} : { port: options.port }),
    routeOf: ({ path }) =>
      path.startsWith("/services/") ? "webhook" : path.replace(/^\/api\//u, ""),
    handle: (request) =>
      request.route === "webhook"
        ? webhookAnswer(request, workspace)
        : {
            status: 200,
            headers: { "x-oauth-scopes": scopesOf(options).join(",") },
            body: apiAnswer(request, workspace, { ...options, token }),
          },
  });
  const { url } = receiver;
  const addresses = { token, apiUrl: `${url}/api`, webhookUrl: `${url}${WEBHOOK_PATH}` };
  return { ...workspace, ...receiver, ...addresses };
}

function scopesOf({ scopes = ["chat:write", "channels:history"] }: FakeSlackOptions) {
  return scopes;
}

function apiAnswer(
  request: RecordedRequest,
  workspace: SlackWorkspace,
  options: FakeSlackOptions,
): unknown {
  const { token, onCall } = options;
  const given = request.headers["authorization"] ?? "";
  if (given === "") return { ok: false, error: "not_authed" };
  if (given !== `Bearer ${token}`) return { ok: false, error: "invalid_auth" };
  const needed = request.route.startsWith("chat.") ? "chat:write" : "channels:history";
  const isFree = request.route.startsWith("auth.") || request.route === "chat.getPermalink";
  if (!isFree && !scopesOf(options).includes(needed)) {
    return { ok: false, error: "missing_scope", needed, provided: scopesOf(options).join(",") };
  }
  // Methods that read take their arguments from the query or a form; JSON is for those that write.
  const isForm = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  const reads = /^conversations\.|^chat\.getPermalink$/u.test(request.route);
  const body = reads && isForm !== true ? {} : (request.body ?? {});
  const args = { ...request.query, ...body };
  const answer = workspace.call(request.route, args);
  if (answer["ok"] === true) onCall?.(request.route, args);
  return answer;
}

function webhookAnswer(request: RecordedRequest, workspace: SlackWorkspace): Answer {
  if (request.path !== WEBHOOK_PATH) return { status: 404, body: "no_service" };
  if (field(request.body, "channel") !== undefined) return { status: 400, body: "invalid_payload" };
  const error = workspace.webhook(request.body);
  return error === null ? { status: 200, body: "ok" } : { status: 400, body: error };
}
