// What the benchmark was asked for.
import { parseArgs } from 'node:util';
import type { RoundOptions } from './rounds.ts';

export const values: Values = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    /** Instead of those of the suite. */
    rounds: { type: 'string', default: '' },
    /** Another checkout, against which this one is measured, and nothing else is. */
    before: { type: 'string', default: '' },
    /** How long the heap is looked at. */
    minutes: { type: 'string', default: '1' },
  },
}).values;
export const connectionString: string = databaseUrl();
export const mariadbUrl: string = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306/test';
const asked = values.rounds === '' ? undefined : roundsOf(values.rounds);
export const { rounds, duration }: Lengths = values.quick
  ? { rounds: asked ?? 3, duration: 300 }
  : { rounds: asked ?? 11, duration: 1_000 };
/** For suites with much to measure. */
export const fewRounds: number = asked ?? Math.min(rounds, 7);
/** Two checkouts of the same code differ by little: many short rounds say more of that than a few long ones. */
export const lengthsBeside: Lengths = values.quick ? { rounds: 11, duration: 100 } : { rounds: 61, duration: 200 };

interface Values {
  readonly quick: boolean;
  readonly json: boolean;
  readonly only: string;
  readonly rounds: string;
  readonly before: string;
  readonly minutes: string;
}

type Lengths = Pick<RoundOptions, 'rounds' | 'duration'>;

function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url === undefined || url === '') throw new Error('DATABASE_URL is not set: use "npm run bench"');
  return url;
}

function roundsOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error('--rounds takes a whole number above 0');
  return count;
}
