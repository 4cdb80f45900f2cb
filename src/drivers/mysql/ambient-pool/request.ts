import { InvalidOptionError } from '../../../core/index.ts';
import type { Statement } from '../../../driver/index.ts';
import type { ResultCallback, RowOptions } from '../wire/mysql2-types.ts';
import type { NativeStatement } from '../exchange/statement.ts';

/** A call of `query` or `execute`, in whichever of its forms. */
export interface Request {
  readonly statement: Statement;
  readonly callback: ResultCallback | undefined;
}

const rowOptions = ['rowsAsArray', 'nestTables', 'typeCast', 'dateStrings', 'decimalNumbers'] as const;
const unsupported = ['namedPlaceholders', 'infileStreamFactory', 'timeout'] as const;

/** What of a connection's options is said with each request, since libraries share connections. */
interface OfRequests {
  readonly timezone?: string | undefined;
  readonly bigNumberStrings?: boolean | undefined;
}

/** @throws TypeError as mysql2 does, InvalidOptionError for what is not supported */
export function readRequest(
  method: NativeStatement['method'],
  args: readonly unknown[],
  { timezone, bigNumberStrings }: OfRequests,
): Request {
  const [first, second] = args;
  const options = (typeof first === 'object' && first !== null ? first : { sql: first }) as Record<string, unknown>;
  const { sql } = options;
  if (typeof sql !== 'string') throw new TypeError(`${method}() was called without a text`);
  for (const option of unsupported) {
    if (options[option] !== undefined && options[option] !== false) throw notSupported(option);
  }
  const values = typeof second === 'function' || second === undefined ? options['values'] : second;
  const rows: RowOptions = Object.fromEntries([
    ...(bigNumberStrings === true ? [['bigNumberStrings', true]] : []),
    ...rowOptions.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ]);
  const native: NativeStatement = { method, rows, timezone };
  const callback = args.find((each) => typeof each === 'function') as ResultCallback | undefined;
  return { statement: { text: sql, values: listOf(values), native }, callback };
}

/** mysql2 takes a single value as a list of one. */
function listOf(values: unknown): readonly unknown[] | undefined {
  if (values === undefined) return undefined;
  return Array.isArray(values) ? values : [values];
}

function notSupported(option: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `A query on an ambient pool got the option "${option}", which it does not have`,
    remedy:
      option === 'timeout' ? 'Give the transaction a timeout instead' : 'Leave it out; values are taken as a list',
  });
}
