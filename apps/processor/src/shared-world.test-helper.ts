import { CountDeltas, LevelIndex, type SeriesKey, type Signal, STEP_MS } from "@tracer/core";
import { Detector } from "@tracer/detect";
import { SeriesDirectory } from "@tracer/ingest";
import * as store from "@tracer/store";
import { passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { Announcer } from "./announcer.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";
import { SharedCounts } from "./shared-counts.ts";

/** The service in hand, and one that goes on all the time: nothing from anybody is another kind of silence. */
const SERVICES = ["checkout", "search"];
const QUIET_SECONDS = 30;
/** A silence says something after six hours. */
const HISTORY_STEPS = 2_200;
const START_MS = Date.UTC(2026, 0, 5, 6);
/** Rounds come each second; at half that rate the same holds, and the tests take half as long. */
const ROUND_SECONDS = 2;
/** Records a second of one client are chance: so many tries, each with one in two. */
const TRIES = 4;

/** A client of the service; where its records go, and what it sends. */
export interface Client {
  readonly service: string;
  /** Null: its connection is cut, and what it sends meanwhile is lost. */
  to: string | null;
  sends: boolean;
  errorShare: number;
}

interface Node {
  readonly detector: Detector;
  readonly directory: SeriesDirectory;
  readonly shared: SharedCounts;
  readonly announcer: Announcer;
  readonly deltas: CountDeltas;
}

/** Processors on one real database, on which time passes as fast as it can. */
export class SharedWorld {
  readonly clients: Client[] = [];
  readonly nodes = new Map<string, Node>();
  readonly observe = recordingObserve();
  nowMs = START_MS;
  readonly #pool: store.Pool;
  readonly #latenessSeconds: number;
  #random = 20260105;

  constructor(pool: store.Pool, { latenessSeconds = 10 } = {}) {
    this.#pool = pool;
    this.#latenessSeconds = latenessSeconds;
  }

  /** Six hours with the clients of now, of which every processor knows all. */
  learn(): void {
    for (let step = 0; step < HISTORY_STEPS; step += 1) {
      this.nowMs += STEP_MS;
      const sent = this.clients.map((client) => this.#sentBy(client, STEP_MS / 1_000));
      for (const [id, { detector, directory }] of this.nodes) {
        for (const own of [true, false]) {
          const deltas = new CountDeltas();
          for (const [index, { to, service }] of this.clients.entries()) {
            const slot = directory.intern(seriesOf(service));
            if ((to === id) === own) addTo(deltas, slot, this.nowMs - 1, sent[index]);
          }
          if (own) detector.observe(deltas, this.nowMs);
          else detector.observeForeign(deltas, this.nowMs + 1_000);
        }
      }
    }
  }

  /** A client of the service, and one of the other that goes on. */
  connect(to: string, errorShare = 0): void {
    for (const service of SERVICES) this.clients.push({ service, to, sends: true, errorShare });
  }

  /** The service stops. */
  silence(): void {
    for (const client of this.clients) if (client.service === "checkout") client.sends = false;
  }

  /** A processor that starts, with what `saved` holds or with nothing. */
  start(id: string, saved: readonly Uint8Array[] = []): void {
    const { observe } = this;
    const pool = this.#pool;
    const receiptMs = () => this.nowMs;
    const directory = new SeriesDirectory({ seriesMax: 100, seed: 1 });
    for (const service of SERVICES) directory.intern(seriesOf(service));
    const latenessSeconds = this.#latenessSeconds;
    const detector = new Detector({ latenessSeconds, staleSeconds: 900, seriesMax: 101 });
    for (const [index, bytes] of saved.entries()) {
      if (index === 0) detector.loadHead(bytes);
      else detector.loadSlots(bytes);
    }
    detector.resume(this.nowMs);
    const lease = { name: "volume", holder: id };
    const shared = new SharedCounts({
      ...{ detector, receiptMs, monotonicMs: receiptMs, observe },
      keyOf: (slot) => directory.key(slot),
      slotOf: (key) => directory.intern(key),
      count: (deltas) => detector.observeForeign(deltas, this.nowMs),
      flush: (flush, counts) => store.flushStepCounts(pool, { processorId: id, flush, counts }),
      read: (cursors) => store.readStepCounts(pool, { processorId: id, cursors }),
      hold: () => store.holdLease(pool, lease),
      release: () => store.releaseLease(pool, lease),
    });
    const announcer = new Announcer({
      ...{ staleSeconds: 900, sightSeconds: 10, receiptMs, monotonicMs: receiptMs, observe },
      keyOf: (slot) => directory.key(slot),
      linesOf: () => [],
      announces: (kind) => shared.announces(kind),
      sight: (sightings) =>
        store.sight(pool, sightings, { ...SIGHT_OPTIONS, quietSeconds: QUIET_SECONDS }),
      clear: (keys) => store.clear(pool, keys, { clearSeconds: 5 }),
      onWritten: () => {},
    });
    this.nodes.set(id, { detector, directory, shared, announcer, deltas: new CountDeltas() });
  }

  /** Ends as kill -9 does. */
  kill(id: string): void {
    this.nodes.delete(id);
    for (const client of this.clients) if (client.to === id) client.to = null;
  }

  /** Ends in order; what it knew. */
  async stop(id: string): Promise<Uint8Array[]> {
    const { detector, shared } = this.#node(id);
    await shared.stop();
    this.kill(id);
    return [detector.saveHead(), detector.saveSlots(0).bytes];
  }

  /** Moves every client that is cut to a processor. */
  reconnect(id: string): void {
    for (const client of this.clients) client.to ??= id;
  }

  openOf(id: string): readonly Signal[] {
    return this.#node(id).detector.openSignals();
  }

  announcers(): string[] {
    return [...this.nodes].flatMap(([id, { shared }]) => (shared.announces("volume") ? [id] : []));
  }

  /** Lets time pass: records come, and each processor has its rounds. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += ROUND_SECONDS) {
      this.nowMs += ROUND_SECONDS * 1_000;
      // Read by all; the more rows there are, the longer it takes to make all of them older.
      await this.#pool.query("delete from step_counts where flushed_at < now() - interval '9 s'");
      await passTime(this.#pool, ROUND_SECONDS);
      for (const [id, node] of this.nodes) {
        await store.heartbeat(this.#pool, id);
        this.#receive(id, node);
      }
      for (const [id, node] of this.nodes) {
        await node.shared.round();
        node.detector.tick(this.nowMs);
        node.announcer.take(node.detector.takeTransitions());
        node.announcer.sight(node.detector.openSignals());
        await node.announcer.flush();
        const watch = { processorId: id, quietSeconds: QUIET_SECONDS };
        await store.resolveQuiet(this.#pool, { limit: 10, watch });
      }
    }
  }

  /** Every incident so far, as "kind/part state epoch". */
  async incidents(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ text: string }>(
      `select concat(service, ' ', kind, '/', part, ' ', state, ' ', epoch) as text from incidents order by text`,
    );
    return rows.map(({ text }) => text);
  }

  #receive(id: string, { detector, directory, shared, announcer, deltas }: Node): void {
    deltas.clear();
    for (const client of this.clients) {
      if (client.to !== id || !client.sends) continue;
      const slot = directory.intern(seriesOf(client.service));
      addTo(deltas, slot, this.nowMs - 1, this.#sentBy(client, ROUND_SECONDS));
    }
    detector.observe(deltas, this.nowMs);
    shared.collect(deltas);
    announcer.take(detector.takeTransitions());
  }

  #node(id: string): Node {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no processor ${id}`);
    return node;
  }

  #sentBy({ errorShare }: Client, seconds: number): Sent {
    const sent = { good: 0, bad: 0 };
    for (let at = 0; at < seconds * TRIES; at += 1) {
      if (this.#next() < 0.5) continue;
      if (this.#next() < errorShare) sent.bad += 1;
      else sent.good += 1;
    }
    return sent;
  }

  #next(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return this.#random / 2 ** 32;
  }
}

function seriesOf(service: string): SeriesKey {
  return { project: "default", environment: "prod", service };
}

interface Sent {
  readonly good: number;
  readonly bad: number;
}

function addTo(deltas: CountDeltas, slot: number, atMs: number, sent: Sent | undefined): void {
  const { good, bad } = sent ?? { good: 0, bad: 0 };
  if (good > 0) deltas.add(slot, atMs, LevelIndex.info, Number.NaN, good);
  if (bad > 0) deltas.add(slot, atMs, LevelIndex.error, Number.NaN, bad);
}
