import type pg from 'pg';
import { InvalidOptionError } from '../../../core/index.ts';
import type { TypeParsers } from '../wire/pg-types.ts';

export type QueryCallback = (error: Error | null | undefined, result?: unknown) => void;

/** A call of `query`, in whichever of its forms. */
export interface QueryRequest {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly rowMode: 'array' | undefined;
  readonly types: TypeParsers | undefined;
  readonly callback: QueryCallback | undefined;
}

/** What `pg` can be given in one object. */
type Config = Partial<
  Record<'text' | 'values' | 'rowMode' | 'types' | 'callback' | 'binary' | 'query_timeout', unknown>
>;

/** A query object that speaks to the connection itself, such as a cursor; nothing for an ordinary call. */
export function submittableIn(args: readonly unknown[]): pg.Submittable | undefined {
  const [first] = args;
  if (typeof first !== 'object' || first === null) return undefined;
  return typeof (first as Partial<pg.Submittable>).submit === 'function' ? (first as pg.Submittable) : undefined;
}

/** @throws TypeError as pg does, InvalidOptionError for what is not supported */
export function readRequest(args: readonly unknown[], types: TypeParsers | undefined): QueryRequest {
  const [first, second, third] = args;
  if (first === null || first === undefined) throw new TypeError('Client was passed a null or undefined query');
  const config = (typeof first === 'object' ? first : { text: first }) as Config;
  if (typeof config.text !== 'string') throw new TypeError('Client was passed a query whose text is no string');
  const callback = [second, third, config.callback].find((each) => typeof each === 'function');
  const values = Array.isArray(second) ? second : config.values;
  for (const option of ['binary', 'query_timeout'] as const) {
    if (config[option]) throw unsupported(option);
  }
  return {
    text: config.text,
    values: values as readonly unknown[] | undefined,
    rowMode: config.rowMode === 'array' ? 'array' : undefined,
    types: (config.types as TypeParsers | undefined) ?? types,
    callback: callback as QueryCallback | undefined,
  };
}

function unsupported(option: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `A query on an ambient pool got the option "${option}", which it does not have`,
    remedy: option === 'binary' ? 'Leave it out: values come as text' : 'Give the transaction a timeout instead',
  });
}
