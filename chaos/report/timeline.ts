import type { HarmKind } from '../harm/plan.ts';
import type { Counts } from '../settings.ts';

/** A harm that was done; times are milliseconds since the beginning. */
export interface HarmDone {
  readonly kind: HarmKind;
  readonly from: number;
  readonly to: number;
}

/** What has become of orders in the time since the sample before. */
export interface Sample {
  readonly at: number;
  readonly sold: number;
  readonly declined: number;
  readonly failed: number;
  readonly unknown: number;
}

/** When what has happened, for the report. */
export interface Timeline {
  /** When no more harm was done. */
  readonly restAt: number | undefined;
  readonly end: number;
  readonly harms: readonly HarmDone[];
  readonly samples: readonly Sample[];
  readonly found: readonly { readonly at: number; readonly what: string }[];
}

const betweenSamples = 1_000;

/** Writes a timeline while a run goes on. */
export class TimelineRecorder {
  readonly #counts: Counts;
  readonly #began = performance.now();
  readonly #harms: HarmDone[] = [];
  readonly #samples: Sample[] = [];
  readonly #found: { at: number; what: string }[] = [];
  readonly #timer: NodeJS.Timeout;
  #before: Pick<Counts, 'sold' | 'declined' | 'failed' | 'unknown'>;
  #restAt: number | undefined;

  /** @param counts those of the ledger, which grow */
  constructor(counts: Counts) {
    this.#counts = counts;
    this.#before = { ...counts };
    this.#timer = setInterval(() => this.#sample(), betweenSamples);
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return performance.now() - this.#began;
  }

  /** How often each harm was done. */
  get timesDone(): Readonly<Record<string, number>> {
    const times: Record<string, number> = {};
    for (const { kind } of this.#harms) times[kind] = (times[kind] ?? 0) + 1;
    return times;
  }

  done(kind: HarmKind, from: number): void {
    this.#harms.push({ kind, from, to: this.now });
  }

  found(what: string): void {
    this.#found.push({ at: this.now, what });
  }

  rests(): void {
    this.#restAt = this.now;
  }

  /** @returns all of it */
  end(): Timeline {
    clearInterval(this.#timer);
    this.#sample();
    return {
      restAt: this.#restAt,
      end: this.now,
      harms: this.#harms,
      samples: this.#samples,
      found: this.#found,
    };
  }

  #sample(): void {
    const { sold, declined, failed, unknown } = this.#counts;
    const before = this.#before;
    this.#before = { sold, declined, failed, unknown };
    this.#samples.push({
      at: this.now,
      sold: sold - before.sold,
      declined: declined - before.declined,
      failed: failed - before.failed,
      unknown: unknown - before.unknown,
    });
  }
}
