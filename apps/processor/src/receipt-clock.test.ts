import { expect, test } from "vitest";
import { ReceiptClock } from "./receipt-clock.ts";

function clockAt(wallMs: number) {
  const state = { monotonicMs: 1_000, wallMs };
  const clock = { monotonicMs: () => state.monotonicMs, wallMs: () => state.wallMs };
  return { state, receipt: new ReceiptClock(clock) };
}

test("a machine whose date is an hour off follows the database after the first reading", async () => {
  const { receipt } = clockAt(3_600_000 + 50_000);
  await receipt.refresh(async () => 50_000);
  expect(receipt.nowMs()).toBe(50_000);
  expect(receipt.skewMs()).toBe(3_600_000);
});

test("the machine's date may jump: receipt time goes on by the monotonic clock", async () => {
  const { state, receipt } = clockAt(50_000);
  await receipt.refresh(async () => 50_000);
  state.wallMs -= 86_400_000;
  state.monotonicMs += 250;
  expect(receipt.nowMs()).toBe(50_250);
});

test("later readings move it in bounded steps, on both sides", async () => {
  const { receipt } = clockAt(50_000);
  await receipt.refresh(async () => 50_000);
  await receipt.refresh(async () => 50_500);
  expect(receipt.nowMs()).toBe(50_500);
  await receipt.refresh(async () => 60_000);
  expect(receipt.nowMs()).toBe(51_000);
  await receipt.refresh(async () => 41_500);
  expect(receipt.nowMs()).toBe(50_500);
});

test("the database's clock was set, or this machine slept: the second reading that says so is believed", async () => {
  const { receipt } = clockAt(50_000);
  await receipt.refresh(async () => 50_000);
  for (const setTo of [3_650_000, 60_000]) {
    await receipt.refresh(async () => setTo);
    expect(Math.abs(receipt.nowMs() - setTo)).toBeGreaterThan(3_000_000);
    await receipt.refresh(async () => setTo);
    expect(receipt.nowMs()).toBe(setTo);
  }
});

test("one reading far off, then one that is not: no jump", async () => {
  const { receipt } = clockAt(50_000);
  await receipt.refresh(async () => 50_000);
  await receipt.refresh(async () => 3_650_000);
  await receipt.refresh(async () => 50_500);
  expect(receipt.nowMs()).toBe(50_500);
});

test("a slow reading is not believed", async () => {
  const { state, receipt } = clockAt(50_000);
  await receipt.refresh(async () => 50_000);
  await receipt.refresh(async () => {
    state.monotonicMs += 1_001;
    return 99_000;
  });
  expect(receipt.nowMs()).toBe(51_001);
});
