const MINUTES = 60;
const FAULTY_MINUTES = 4;
const PER_MINUTE = 120;
const ERROR_SHARE = 0.01;
const FAULTY_ERROR_SHARE = 0.35;
const RANDOM_START = 11;

/** An hour of NDJSON records up to `nowMs`, the last minutes of which fail. The same for the same time. */
export function sampleRecords({
  service,
  nowMs,
}: {
  readonly service: string;
  readonly nowMs: number;
}): string {
  const random = lehmer(RANDOM_START);
  const lines: string[] = [];
  const total = MINUTES * PER_MINUTE;
  for (let index = 0; index < total; index += 1) {
    const atMs = nowMs - ((total - index) * 60_000) / PER_MINUTE;
    const isFaulty = nowMs - atMs < FAULTY_MINUTES * 60_000;
    const isError = random() < (isFaulty ? FAULTY_ERROR_SHARE : ERROR_SHARE);
    const order = 1_000 + Math.floor(random() * 9_000);
    lines.push(
      JSON.stringify({
        time: new Date(atMs).toISOString(),
        service,
        level: isError ? "error" : "info",
        message: isError
          ? `payment gateway timeout after 3000 ms for order ${order}`
          : `order ${order} paid`,
        duration_ms: Math.round(40 + random() * 60),
      }),
    );
  }
  return lines.join("\n");
}

/** Numbers in [0, 1) that look random and are the same each time. */
function lehmer(start: number): () => number {
  let state = start;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
