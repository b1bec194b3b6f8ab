import { SMTPServer, type SMTPServerSession } from "smtp-server";

/** A mail that was taken. */
export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came: headers, an empty line, the body. */
  readonly raw: string;
  /** By small letters; folded lines are joined. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Something that goes wrong with the next sessions that come to a stage. */
export interface SmtpFault {
  readonly stage: "connect" | "auth" | "mail" | "rcpt" | "data";
  /** Of `data`: before or after the mail was taken. Default `before`. */
  readonly when?: "before" | "after";
  /** Answers with this code, such as 451, and `text`. */
  readonly code?: number;
  readonly text?: string;
  /** Cuts the connection instead of answering. */
  readonly drop?: boolean;
  /** Never answers. */
  readonly hang?: boolean;
  /** How many sessions it hits. Default 1. */
  readonly times?: number;
}

export interface FakeSmtpOptions {
  /** `user:password` that must be given. Default: none is asked for. */
  readonly credentials?: string;
  /** Largest mail, in bytes. Default 1,000,000. */
  readonly sizeMax?: number;
}

/** A mail server on loopback that keeps what it takes. */
export interface FakeSmtp extends AsyncDisposable {
  /** `smtp://127.0.0.1:PORT`, with the credentials in it. */
  readonly smtpUrl: string;
  readonly port: number;
  readonly mails: readonly TakenMail[];
  /** Sessions that were begun. */
  readonly sessions: () => number;
  fail(fault: SmtpFault): void;
}

type Done = (error?: Error | null) => void;

export async function startFakeSmtp(options: FakeSmtpOptions = {}): Promise<FakeSmtp> {
  const { credentials, sizeMax = 1_000_000 } = options;
  const mails: TakenMail[] = [];
  const faults: { fault: SmtpFault; left: number }[] = [];
  let begun = 0;
  const take = (stage: SmtpFault["stage"], when: "before" | "after" = "before") => {
    const hit = faults.find(
      ({ fault, left }) => left > 0 && fault.stage === stage && (fault.when ?? "before") === when,
    );
    if (hit !== undefined) hit.left -= 1;
    return hit?.fault ?? null;
  };
  /** Answers as always, or with the fault. */
  const pass = (fault: SmtpFault | null, done: Done) => {
    if (fault === null) return done();
    if (fault.hang === true) return;
    if (fault.drop === true) return cut(server);
    done(refusal(fault.code ?? 451, fault.text ?? "Try again later"));
  };
  const server = new SMTPServer({
    authOptional: credentials === undefined,
    allowInsecureAuth: true,
    disabledCommands: credentials === undefined ? ["STARTTLS", "AUTH"] : ["STARTTLS"],
    size: sizeMax,
    closeTimeout: 50,
    onConnect(_session, done) {
      begun += 1;
      pass(take("connect"), done);
    },
    onAuth(auth, _session, done) {
      const fault = take("auth");
      if (fault !== null) return pass(fault, (error) => done(error ?? null));
      if (`${auth.username}:${auth.password}` === credentials) {
        return done(null, { user: auth.username });
      }
      done(refusal(535, "5.7.8 Authentication credentials invalid"));
    },
    onMailFrom: (_address, _session, done) => pass(take("mail"), done),
    onRcptTo: (_address, _session, done) => pass(take("rcpt"), done),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const before = take("data");
        if (before !== null) return pass(before, done);
        if (stream.sizeExceeded) return done(refusal(552, "Message exceeds fixed maximum size"));
        mails.push(mailOf(Buffer.concat(chunks).toString("utf8"), session));
        pass(take("data", "after"), done);
      });
    },
  });
  server.on("error", () => {}); // Connections that are cut, on purpose.
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const user = credentials === undefined ? "" : `${credentials}@`;
  return {
    smtpUrl: `smtp://${user}127.0.0.1:${port}`,
    port,
    mails,
    sessions: () => begun,
    fail: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    async [Symbol.asyncDispose]() {
      cut(server);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function refusal(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

function cut(server: SMTPServer): void {
  const connections: Iterable<unknown> =
    "connections" in server && server.connections instanceof Set ? server.connections : [];
  for (const connection of connections) {
    if (typeof connection !== "object" || connection === null) continue;
    const socket: unknown = "_socket" in connection ? connection._socket : null;
    if (
      typeof socket === "object" &&
      socket !== null &&
      "destroy" in socket &&
      typeof socket.destroy === "function"
    ) {
      socket.destroy();
    }
  }
}

function mailOf(raw: string, { envelope }: SMTPServerSession): TakenMail {
  const { mailFrom, rcptTo } = envelope;
  const head = raw.slice(0, Math.max(0, raw.indexOf("\r\n\r\n"))).replace(/\r\n[ \t]+/gu, " ");
  const headers = head.split("\r\n").map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  return {
    from: mailFrom === false ? "" : mailFrom.address,
    to: rcptTo.map(({ address }) => address),
    raw,
    headers: Object.fromEntries(headers),
  };
}
