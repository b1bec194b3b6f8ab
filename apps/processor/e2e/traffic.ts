/** Deterministic generator in [0, 1): the same traffic on every run. */
export function seeded(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface TrafficOptions {
  readonly service: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly perMinute: number;
  readonly errorShare: number;
  readonly random: () => number;
}

/** NDJSON of evenly spread records in [fromMs, toMs), each an error with the given chance. */
export function traffic(options: TrafficOptions): string {
  const { service, fromMs, toMs, perMinute, errorShare, random } = options;
  const lines: string[] = [];
  const everyMs = 60_000 / perMinute;
  for (let atMs = fromMs; atMs < toMs; atMs += everyMs) {
    const failed = random() < errorShare;
    const order = Math.floor(random() * 1e6);
    lines.push(
      JSON.stringify({
        time: new Date(atMs).toISOString(),
        level: failed ? "error" : "info",
        service,
        msg: failed ? `card declined for order ${order}` : `order ${order} placed`,
      }),
    );
  }
  return `${lines.join("\n")}\n`;
}

export interface Posted {
  readonly status: number;
  readonly accepted: number;
}

/** Posts a body to `/logs`. */
export async function postLogs(
  url: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Posted> {
  const response = await fetch(`${url}/logs`, { method: "POST", body, headers });
  const text = await response.text();
  const parsed: unknown = text === "" ? null : JSON.parse(text);
  const accepted =
    typeof parsed === "object" && parsed !== null && "accepted" in parsed
      ? Number(parsed.accepted)
      : 0;
  return { status: response.status, accepted };
}

/** Waits in real time; only for what really takes time, such as traffic. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks until the answer is yes. Throws with what was being waited for. */
export async function until(
  what: string,
  timeoutMs: number,
  question: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await question())) {
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms for: ${what}`);
    await pause(100);
  }
}
