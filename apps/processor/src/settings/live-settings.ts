import { isDeepStrictEqual } from "node:util";
import { type Severity, severityRank } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import { routesOf } from "../channels.ts";
import type { Config } from "../config.ts";
import type { ChannelSpec } from "./channel-specs.ts";
import { isQuiet } from "./quiet-hours.ts";
import { type Redactor, redactorOf } from "./redaction.ts";
import { channelsOf, type Routed, severityOf } from "./routes.ts";
import type { QuietHours } from "./schema.ts";

/** What of the configuration may change while Tracer runs. */
type Changeable = Pick<Config, "channels" | "fallbackChannel" | "fallbackSeconds" | "settings">;

export interface Fallback {
  readonly channel: string;
  readonly afterSeconds: number;
}

interface Made {
  readonly spec: ChannelSpec;
  readonly channel: Channel;
}

export interface LiveSettingsOptions {
  readonly make: (spec: ChannelSpec) => Channel;
  /** What there is when no channel is configured. */
  readonly none: ChannelSpec;
}

/** Channels and rules as they are now. `replace` changes all of it at once, or throws and changes nothing. */
export class LiveSettings {
  readonly #options: LiveSettingsOptions;
  #made: readonly Made[] = [];
  /** Left out by a reload: closed with the others, since something may still be on its way through them. */
  readonly #left: Channel[] = [];
  #current: Changeable;
  #announced: readonly string[] = [];
  #fallback: Fallback | null = null;
  #redactor: Redactor | null = null;

  constructor(config: Changeable, options: LiveSettingsOptions) {
    this.#options = options;
    this.#current = config;
    this.replace(config);
  }

  get channels(): readonly Channel[] {
    return this.#made.map(({ channel }) => channel);
  }

  get names(): readonly string[] {
    return this.#made.map(({ spec }) => spec.name);
  }

  /** Channels that are told of any incident: all but the fall-back, unless a route names it. */
  get told(): readonly string[] {
    const routed = this.#current.settings.routes.flatMap(({ channels }) => channels);
    return [...new Set([...this.#announced, ...routed])];
  }

  get fallback(): Fallback | null {
    return this.#fallback;
  }

  /** What the rules make of a signal: how grave it is and who is told; null: it is not announced at all. */
  judge(
    signal: Routed,
  ): { readonly severity: Severity; readonly channels: readonly string[] } | null {
    const { routes, services } = this.#current.settings;
    const severity = severityOf(services, signal);
    if (severity === null) return null;
    return { severity, channels: channelsOf(routes, { ...signal, severity }, this.#announced) };
  }

  /** The rank of severity below which nothing is sent to a channel now: 0, but in its quiet hours. */
  floorOf(channel: string, atMs: number): number {
    const hours: QuietHours | undefined = this.#current.settings.quietHours.get(channel);
    return hours !== undefined && isQuiet(hours, atMs) ? severityRank(hours.except) : 0;
  }

  /** A line of a log with a person's own patterns replaced. */
  redact(line: string): string {
    return this.#redactor === null ? line : this.#redactor(line);
  }

  /** Takes another configuration over. Channels that stay as they were stay the same objects. */
  replace(config: Changeable): void {
    const { make, none } = this.#options;
    const specs = config.channels.length > 0 ? config.channels : [none];
    const { announced, fallback } = routesOf(specs, config.fallbackChannel);
    const redactor = redactorOf(config.settings.redaction);
    const made = specs.map(
      (spec) =>
        this.#made.find((before) => isDeepStrictEqual(before.spec, spec)) ?? {
          spec,
          channel: make(spec),
        },
    );
    for (const before of this.#made) if (!made.includes(before)) this.#left.push(before.channel);
    this.#made = made;
    this.#announced = announced;
    this.#fallback =
      fallback === null ? null : { channel: fallback, afterSeconds: config.fallbackSeconds };
    this.#redactor = redactor;
    this.#current = config;
  }

  async close(): Promise<void> {
    for (const channel of [...this.channels, ...this.#left]) await channel.close?.();
  }
}
