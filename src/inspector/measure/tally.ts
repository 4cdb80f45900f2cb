import type { Point } from '../snapshot.ts';
import { Histogram } from './histogram.ts';

/** What is counted in each second. */
export const countNames = [
  'committed',
  'rolledBack',
  'unknown',
  'statements',
  'failedStatements',
  'waits',
  'retries',
  'failedHooks',
  'cacheHits',
  'cacheMisses',
  'jobsCompleted',
  'jobsFailed',
  'jobsRetried',
  'jobsReleased',
  'delivered',
  'undelivered',
] as const;

export type CountName = (typeof countNames)[number];

/** What takes time. */
export const timeNames = ['transactionTimes', 'statementTimes', 'waitTimes'] as const;

export type TimeName = (typeof timeNames)[number];

/** A second, as one process tells it to another. */
export interface ToldSecond {
  /** Its number since 1970, by the clock of the process. */
  readonly second: number;
  /** How many whole seconds ago it was. */
  readonly ago: number;
  /** Those that are not 0, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Buckets and counts, by name. */
  readonly times: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** What happened in one second. */
export class Tally {
  readonly #counts = new Map<CountName, number>();
  readonly #times = new Map<TimeName, Histogram>();

  count(name: CountName, by = 1): void {
    if (by > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  time(name: TimeName, milliseconds: number): void {
    this.#histogram(name).add(milliseconds);
  }

  /** Adds what another process tells. */
  add({ counts, times }: ToldSecond): void {
    for (const name of countNames) this.count(name, counts[name] ?? 0);
    for (const name of timeNames) {
      for (const [bucket = 0, count = 0] of times[name] ?? []) this.#histogram(name).addTo(bucket, count);
    }
  }

  told(second: number, ago: number): ToldSecond {
    const times = [...this.#times].map(([name, histogram]) => [name, histogram.buckets] as const);
    return { second, ago, counts: Object.fromEntries(this.#counts), times: Object.fromEntries(times) };
  }

  /** As the page gets it. */
  point(at: number): Point {
    const counts = Object.fromEntries(countNames.map((name) => [name, this.#counts.get(name) ?? 0]));
    const times = Object.fromEntries([...this.#times].map(([name, histogram]) => [name, histogram.percentiles]));
    return { at, ...(counts as Record<CountName, number>), ...times };
  }

  #histogram(name: TimeName): Histogram {
    const known = this.#times.get(name);
    if (known !== undefined) return known;
    const made = new Histogram();
    this.#times.set(name, made);
    return made;
  }
}
