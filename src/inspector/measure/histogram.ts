import type { Percentiles } from '../snapshot.ts';

/** Each bucket reaches a tenth further than the one before it. */
const growth = Math.log(1.1);
/** The first bucket ends at a hundredth of a millisecond. */
const smallest = 0.01;
const lastBucket = 250;

/** How many durations lie in each bucket: those of several processes can be added. */
export class Histogram {
  readonly #counts = new Map<number, number>();

  add(milliseconds: number): void {
    const bucket = milliseconds <= smallest ? 0 : Math.ceil(Math.log(milliseconds / smallest) / growth);
    this.addTo(Math.min(bucket, lastBucket), 1);
  }

  /** Of the buckets of another one. A bucket that there is not counts as the nearest. */
  addTo(bucket: number, count: number): void {
    const at = Math.max(0, Math.min(Math.round(bucket), lastBucket));
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + count);
  }

  get buckets(): readonly (readonly [bucket: number, count: number])[] {
    return [...this.#counts].sort(([one], [other]) => one - other);
  }

  get percentiles(): Percentiles | undefined {
    const { buckets } = this;
    if (buckets.length === 0) return undefined;
    const total = buckets.reduce((sum, [, count]) => sum + count, 0);
    const at = (share: number): number => {
      let left = total * share;
      const found = buckets.find(([, count]) => (left -= count) <= 0) ?? buckets.at(-1);
      return rounded(smallest * Math.exp(growth * ((found?.[0] ?? 0) - 0.5)));
    };
    return [at(0.5), at(0.95), at(0.99)];
  }
}

/** To three digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
