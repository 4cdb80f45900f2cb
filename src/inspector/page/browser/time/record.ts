import type { Point, Snapshot } from '../../../index.ts';

/** What there is at a moment and not in a second, as the snapshots have told it. */
export interface Gauge {
  readonly at: number;
  /** Those who wait for a connection, and for a lock. */
  readonly connectionWaits: number;
  readonly lockWaits: number;
  readonly jobs: Readonly<Record<string, number>>;
  /** Milliseconds; of the channel that is furthest behind. */
  readonly lag: number | undefined;
  readonly parked: number;
}

/** How long is looked back, in milliseconds. */
export const lookBack = 15 * 60_000;
/** What is kept at most, however often snapshots come. */
const most = 1_000;
const mostStates = 12;

/** The last 15 minutes; it takes no more room the longer the page is open. */
export class Record15 {
  #points: Point[] = [];
  #gauges: Gauge[] = [];
  #inspector = '';

  add(snapshot: Snapshot): void {
    // Another process, with a past of its own.
    if (snapshot.inspector !== this.#inspector) [this.#points, this.#gauges] = [[], []];
    this.#inspector = snapshot.inspector;
    if (snapshot.points.length > 0) this.#points = merged(this.#points, snapshot.points, snapshot.at);
    this.#gauges.push(gaugeOf(snapshot));
    this.#gauges = this.#gauges.filter(({ at }) => at > snapshot.at - lookBack).slice(-most);
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  get gauges(): readonly Gauge[] {
    return this.#gauges;
  }
}

/** A point that comes again takes the place of the one before. */
function merged(before: readonly Point[], added: readonly Point[], now: number): Point[] {
  const changed = new Set(added.map(({ at }) => at));
  return [...before.filter(({ at }) => !changed.has(at)), ...added]
    .filter(({ at }) => at > now - lookBack)
    .sort((one, other) => one.at - other.at)
    .slice(-most);
}

/** How many wait for a lock, of all holders. */
function lockWaitsIn({ shown, groups }: Snapshot['holders']): number {
  const single = shown.filter(({ waitsFor }) => waitsFor.type === 'lock').length;
  return groups.reduce((sum, { waitsFor, count }) => sum + (waitsFor === 'lock' ? count : 0), single);
}

function gaugeOf({ at, processes, holders, queues, channels }: Snapshot): Gauge {
  const jobs: Record<string, number> = {};
  for (const { jobs: counts } of queues) {
    for (const [state, number] of Object.entries(counts).slice(0, mostStates))
      jobs[state] = (jobs[state] ?? 0) + number;
  }
  const lags = channels.map(({ lag }) => lag).filter((lag) => lag !== undefined);
  return {
    at,
    connectionWaits: processes.reduce((sum, { waiting }) => sum + waiting, 0),
    lockWaits: lockWaitsIn(holders),
    jobs,
    lag: lags.length === 0 ? undefined : Math.max(...lags),
    parked: channels.reduce((sum, { parked }) => sum + parked, 0),
  };
}
