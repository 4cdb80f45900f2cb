import type { Counts, EngineName } from '../settings.ts';
import type { Timeline } from './timeline.ts';

export interface Report extends Counts {
  readonly engine: EngineName;
  readonly seed: number;
  /** How long harm was to be done, in seconds. */
  readonly duration: number;
  readonly seconds: number;
  /** How often each harm was done. */
  readonly harms: Readonly<Record<string, number>>;
  /** Of Sluice on the server at the same time, where they can be counted. */
  readonly highestConnections: number;
  /** What does not hold, the first one first. */
  readonly found: readonly string[];
  readonly timeline: Timeline;
}

/** The options that repeat its decisions. */
export function again({ engine, seed, duration }: Pick<Report, 'engine' | 'seed' | 'duration'>): string {
  return `--engine ${engine} --seed ${seed} --seconds ${duration}`;
}

/** What people read at the end. */
export function inWords(report: Report): string {
  const { engine, seed, seconds, harms, found } = report;
  const done = Object.values(harms).reduce((sum, each) => sum + each, 0);
  return [
    `${engine}, seed ${seed}, ${seconds} s`,
    `${report.orders} orders: ${report.sold} sold, ${report.declined} declined, ${report.failed} rolled back, ${report.unknown} of which their caller does not know`,
    `${report.reads} answers of caches, ${report.hits} of them hits; ${report.highestConnections} connections at most; ${report.background} errors in the background`,
    `${done} harms:`,
    ...Object.entries(harms).map(([kind, times]) => `  ${String(times).padStart(4)} x ${kind}`),
    ...(found.length === 0
      ? ['All proofs hold.']
      : [
          `${found.length} proofs do not hold; again with ${again(report)}:`,
          ...found.slice(0, 20).map((each) => `  ${each}`),
        ]),
  ].join('\n');
}
