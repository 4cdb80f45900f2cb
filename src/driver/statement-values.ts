import { InvalidOptionError, isThenable, typeName } from '../core/index.ts';

/** How deep lists in lists are looked at; databases have fewer dimensions. */
const deepest = 8;

/** How many values a statement can have: the protocols of PostgreSQL and MySQL count them in 16 bits. */
const mostValues = 65_535;

/**
 * Refuses values that no database has, and of which some drivers would send the source text, `{}` or `NaN-NaN-NaN`: functions,
 * symbols, promises and invalid dates, also in lists.
 * @throws InvalidOptionError
 */
export function checkValues(clientName: string, values: readonly unknown[]): void {
  if (values.length > mostValues) throw tooMany(clientName, values.length);
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (!isNoValue(value, 0)) continue;
    throw new InvalidOptionError({
      what: `A query on client "${clientName}" got ${named(value)} for its value ${at + 1}; it was not sent`,
      remedy:
        'Call the function or await the promise first. Values are text, numbers, valid dates, buffers, lists and plain objects',
    });
  }
}

/** Whether it is none, or a list with one that is none. */
function isNoValue(value: unknown, depth: number): boolean {
  if (typeof value === 'object') return value !== null && isNoObject(value, depth);
  return typeof value === 'function' || typeof value === 'symbol';
}

function isNoObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) return depth <= deepest && value.some((entry) => isNoValue(entry, depth + 1));
  return value instanceof Date ? Number.isNaN(value.getTime()) : isThenable(value);
}

function named(value: unknown): string {
  if (Array.isArray(value)) return 'a list with a function, a symbol, a promise or an invalid date';
  return value instanceof Date ? 'an invalid date' : typeName(value);
}

function tooMany(clientName: string, count: number): InvalidOptionError {
  return new InvalidOptionError({
    what: `A query on client "${clientName}" got ${count} values, more than the ${mostValues} that a statement can have; it was not sent`,
    remedy: 'Send several statements, or one array (= any($1) on PostgreSQL, json_table on MySQL and MariaDB)',
  });
}
