import type { Point } from '../snapshot.ts';
import { Tally, type ToldSecond } from './tally.ts';

/** How many seconds are kept: 15 minutes. */
const kept = 900;
const mostSources = 1_000;

interface Kept {
  readonly tally: Tally;
  /** The number of the change that touched it last. */
  changed: number;
}

/** What a process has told so far. */
interface Source {
  /** The last second, by its own clock. */
  last: number;
  /** What its clock lacks on ours, in seconds. */
  lag: number;
}

/** The last 15 minutes of all processes. */
export class Points {
  readonly #now: () => number;
  readonly #seconds = new Map<number, Kept>();
  readonly #sources = new Map<string, Source>();
  #change = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Grows with each that is added. */
  get change(): number {
    return this.#change;
  }

  /** Adds those that a process has not told before. @param seconds oldest first */
  add(processId: string, seconds: readonly ToldSecond[]): void {
    const present = Math.floor(this.#now() / 1_000);
    const newest = seconds.at(-1);
    if (newest === undefined) return;
    const source = this.#sourceOf(processId, present - newest.ago - newest.second);
    this.#change += 1;
    for (const each of seconds) {
      const second = each.second + source.lag;
      if (each.second <= source.last || second <= present - kept || second > present) continue;
      const entry = this.#seconds.get(second) ?? { tally: new Tally(), changed: 0 };
      entry.tally.add(each);
      entry.changed = this.#change;
      this.#seconds.set(second, entry);
      source.last = each.second;
    }
    for (const second of this.#seconds.keys()) if (second <= present - kept) this.#seconds.delete(second);
  }

  /** By time. @param change only those that have changed after it */
  since(change: number): readonly Point[] {
    return [...this.#seconds]
      .filter(([, { changed }]) => changed > change)
      .sort(([one], [other]) => one - other)
      .map(([second, { tally }]) => tally.point(second * 1_000));
  }

  /** The lag stays as it is, however long an answer was on its way; but for a clock that was set. */
  #sourceOf(processId: string, lag: number): Source {
    const known = this.#sources.get(processId);
    if (known !== undefined && Math.abs(known.lag - lag) <= 2) return known;
    if (known === undefined && this.#sources.size >= mostSources) this.#sources.clear();
    const source = { last: 0, lag };
    this.#sources.set(processId, source);
    return source;
  }
}
