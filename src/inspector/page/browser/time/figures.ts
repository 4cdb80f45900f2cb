import type { Percentiles, Point } from '../../../index.ts';
import { count, duration } from '../parts/format.ts';
import type { Gauge } from './record.ts';

/** A line of a plot. */
export interface Line<Moment> {
  readonly label: string;
  /** The colour: one of five that are told apart in both schemes. */
  readonly colour: 1 | 2 | 3 | 4 | 5;
  readonly value: (moment: Moment) => number | undefined;
}

/** A plot: what it shows, and how its numbers are written. */
export interface Figure<Moment> {
  readonly title: string;
  readonly write: (value: number) => string;
  readonly lines: readonly Line<Moment>[];
}

const percentiles = (of: (point: Point) => Percentiles | undefined): readonly Line<Point>[] => [
  { label: 'p50', colour: 1, value: (point) => of(point)?.[0] },
  { label: 'p95', colour: 2, value: (point) => of(point)?.[1] },
  { label: 'p99', colour: 3, value: (point) => of(point)?.[2] },
];

const percent = (share: number): string => `${Math.round(share)} %`;

function hitShare({ cacheHits, cacheMisses }: Point): number | undefined {
  const calls = cacheHits + cacheMisses;
  return calls === 0 ? undefined : (100 * cacheHits) / calls;
}

/** What is drawn of the seconds. */
export const pointFigures: readonly Figure<Point>[] = [
  {
    title: 'Transactions a second',
    write: count,
    lines: [
      { label: 'committed', colour: 1, value: ({ committed }) => committed },
      { label: 'rolled back', colour: 3, value: ({ rolledBack }) => rolledBack },
      { label: 'unknown', colour: 4, value: ({ unknown }) => unknown },
    ],
  },
  {
    title: 'Durations of transactions',
    write: duration,
    lines: percentiles(({ transactionTimes }) => transactionTimes),
  },
  { title: 'Durations of statements', write: duration, lines: percentiles(({ statementTimes }) => statementTimes) },
  {
    title: 'Waits for a connection a second',
    write: count,
    lines: [{ label: 'waited', colour: 1, value: ({ waits }) => waits }],
  },
  { title: 'Durations of waits for a connection', write: duration, lines: percentiles(({ waitTimes }) => waitTimes) },
  {
    title: 'Failures a second',
    write: count,
    lines: [
      { label: 'rollbacks', colour: 3, value: ({ rolledBack }) => rolledBack },
      { label: 'retries', colour: 2, value: ({ retries }) => retries },
      { label: 'failed statements', colour: 4, value: ({ failedStatements }) => failedStatements },
      { label: 'failed hooks', colour: 5, value: ({ failedHooks }) => failedHooks },
    ],
  },
  { title: 'Cache hits', write: percent, lines: [{ label: 'hits', colour: 1, value: hitShare }] },
  {
    title: 'Runs of jobs a second',
    write: count,
    lines: [
      { label: 'completed', colour: 1, value: ({ jobsCompleted }) => jobsCompleted },
      { label: 'tried again', colour: 2, value: ({ jobsRetried }) => jobsRetried },
      { label: 'failed', colour: 3, value: ({ jobsFailed }) => jobsFailed },
      { label: 'released', colour: 5, value: ({ jobsReleased }) => jobsReleased },
    ],
  },
  {
    title: 'Messages of the outbox a second',
    write: count,
    lines: [
      { label: 'handed over', colour: 1, value: ({ delivered }) => delivered },
      { label: 'failed', colour: 3, value: ({ undelivered }) => undelivered },
    ],
  },
];

/** As each look finds them, however long they have waited. */
const waiting: Figure<Gauge> = {
  title: 'Who waits at each look',
  write: count,
  lines: [
    { label: 'for a connection', colour: 1, value: (gauge) => gauge.connectionWaits },
    { label: 'for a lock', colour: 2, value: (gauge) => gauge.lockWaits },
  ],
};

const lag: Figure<Gauge> = {
  title: 'Lag of the outbox',
  write: duration,
  lines: [{ label: 'oldest message', colour: 1, value: (gauge) => gauge.lag }],
};

/** What is drawn of the moments: jobs by those states that there are. */
export function gaugeFigures(gauges: readonly Gauge[]): readonly Figure<Gauge>[] {
  const states = [...new Set(gauges.flatMap(({ jobs }) => Object.keys(jobs)))].sort().slice(0, 5);
  const jobs: Figure<Gauge> = {
    title: 'Jobs by state',
    write: count,
    lines: states.map((state, index) => ({
      label: state,
      colour: ((index % 5) + 1) as Line<Gauge>['colour'],
      value: ({ jobs: counts }) => counts[state],
    })),
  };
  return [waiting, jobs, lag];
}
