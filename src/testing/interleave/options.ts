import {
  aBoolean,
  aFunction,
  type Check,
  entriesByName,
  integer,
  InvalidOptionError,
  isRecord,
  listOf,
  milliseconds,
  readOptions,
} from '../../core/index.ts';

/** What `interleave` runs, and within which bounds. */
export interface InterleaveOptions {
  /** Brings the rows into the state from which each order begins: it runs before each, also after orders that have committed. */
  readonly setup: () => unknown;
  /** What runs at the same time, by name: two or three functions. */
  readonly actors: Readonly<Record<string, () => unknown>>;
  /**
   * Looks at the rows after each order, and throws or returns `false` if they are wrong. Without it the rows at the end, and what the actors returned or
   * threw, have to be those of some serial order.
   */
  readonly invariant?: (() => unknown) | undefined;
  /** Without an invariant, the tables that are compared, by name. Default: those that the statements of the actors come to. */
  readonly tables?: readonly string[] | undefined;
  /** Without an invariant, how many rows a table may have to be compared. Default 1,000. */
  readonly maxRows?: number | undefined;
  /**
   * Whether orders are left out that differ from one that is tried in the order of statements alone that have nothing to do with each
   * other in the database. Default: where there may be more than 100 orders. Say `false` for actors that share what is in memory.
   */
  readonly reduce?: boolean | undefined;
  /** How many orders are tried at most. Default 1,000. */
  readonly maxSchedules?: number | undefined;
  /** For how long orders are tried, in milliseconds. Default 60,000. */
  readonly maxRuntime?: number | undefined;
  /** For how long remedies are tried where something went wrong, in milliseconds; 0 tries none. Default 2,000. */
  readonly maxRemedyRuntime?: number | undefined;
  /** After how many different anomalies it stops. Default 1. */
  readonly maxAnomalies?: number | undefined;
  /** How long nothing may move in an order before it is given up, and how long one setup may take, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
  /** Runs also where the database or `NODE_ENV` is named as one of production. Default false. */
  readonly allowProduction?: boolean | undefined;
}

const fewestActors = 2;
const mostActors = 3;

const someActors: Check = (value) => {
  if (!isRecord(value)) return 'an object of functions';
  const other = Object.entries(value).find(([, body]) => typeof body !== 'function');
  return other === undefined ? undefined : `an object of functions, also for "${other[0].slice(0, 50)}"`;
};

const checks: Record<keyof InterleaveOptions, Check> = {
  setup: aFunction,
  actors: Object.assign(someActors, { read: entriesByName.read }),
  invariant: aFunction,
  tables: listOf((value) => (typeof value === 'string' ? undefined : 'text'), 1_000, 'a list of names', 1),
  maxRows: integer(1, 1_000_000),
  reduce: aBoolean,
  maxSchedules: integer(1, 1_000_000),
  maxRuntime: milliseconds(1),
  maxRemedyRuntime: milliseconds(0),
  maxAnomalies: integer(1, 1_000),
  timeout: milliseconds(1),
  allowProduction: aBoolean,
};

/** @throws InvalidOptionError */
export function readInterleave(options: InterleaveOptions): InterleaveOptions {
  const read = readOptions('interleave', options, checks, ['setup', 'actors']);
  const count = Object.keys(read.actors).length;
  if (count >= fewestActors && count <= mostActors) return read;
  throw new InvalidOptionError({
    what: `interleave got ${count === 1 ? '1 actor' : `${count} actors`}, and runs two or three`,
    remedy:
      count < fewestActors
        ? 'Give two or three functions by name; to run one against itself, give it under two names: { alice: buy, bob: buy }'
        : 'Give two or three functions by name, and the others in another call: with more there are too many orders to try',
  });
}
