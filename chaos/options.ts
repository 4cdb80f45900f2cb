// What a run was asked for.
import { parseArgs } from 'node:util';
import { type EngineName, engineNames } from './settings.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly engine: EngineName;
  /** How long harm is done, in milliseconds; what comes to its end after that is not counted. */
  readonly duration: number;
  /** Where the report is written as a page; nowhere without. */
  readonly html: string | undefined;
  /** The figures as one line of JSON on the standard output. */
  readonly json: boolean;
}

export const help = `Usage: npm run chaos [-- options]

The shop under load in several processes, while processes are killed and frozen, connections cut,
servers held and stopped. At the end everything has to have taken effect once.

  --engine <name>    ${engineNames.join(', ')} (default postgres)
  --seed <number>    repeats the decisions of a run (default: any)
  --seconds <number> how long harm is done (default 60)
  --minutes <number> the same, in minutes
  --html <file>      writes the report as a page, with a timeline of harms and throughput
  --json             the figures as a line of JSON on the standard output
  --help             this text

It ends with 0 if all proofs hold, with 1 if one does not, and with 2 if an option is wrong.
PostgreSQL, MariaDB and the Redis of the caches are servers of their own, from the package and the programs mariadbd,
mariadb-install-db and redis-server. Without mariadbd it is the MariaDB of MARIADB_URL or on its standard port, which never crashes.
`;

/** An option that there is not, or a value that it does not take. */
export class WrongOptionError extends Error {}

/** @returns `help` if that is asked for */
export function readOptions(args: readonly string[]): ChaosOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  if (values.minutes !== undefined && values.seconds !== undefined)
    throw new WrongOptionError('--minutes and --seconds are the same: give one of them');
  const engine = engineNames.find((name) => name === (values.engine ?? 'postgres'));
  if (engine === undefined) throw new WrongOptionError(`--engine is one of ${engineNames.join(', ')}`);
  const seed =
    values.seed === undefined ? 1 + Math.floor(Math.random() * 1e9) : whole('seed', values.seed, 2 ** 31 - 1);
  const seconds =
    values.minutes === undefined
      ? positive('seconds', values.seconds ?? '60')
      : 60 * positive('minutes', values.minutes);
  if (values.html === '') throw new WrongOptionError('--html is the name of a file');
  return { seed, engine, duration: 1_000 * seconds, html: values.html, json: values.json === true };
}

function parse(args: readonly string[]): Record<string, string | boolean | undefined> & {
  readonly engine?: string;
  readonly seed?: string;
  readonly seconds?: string;
  readonly minutes?: string;
  readonly html?: string;
  readonly json?: boolean;
  readonly help?: boolean;
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        engine: { type: 'string' },
        seed: { type: 'string' },
        seconds: { type: 'string' },
        minutes: { type: 'string' },
        html: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new WrongOptionError((error as Error).message, { cause: error });
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1_440 * 60) return value;
  throw new WrongOptionError(`--${name} is a number above 0`);
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value > 0 && value <= most) return value;
  throw new WrongOptionError(`--${name} is a whole number from 1 to ${most}`);
}
