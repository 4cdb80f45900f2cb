import { InvalidOptionError, typeName } from '../core/index.ts';

/** How deep lists in lists are looked at; databases have fewer dimensions. */
const deepest = 8;

/**
 * Refuses values that no database has, and of which some drivers would send the source text: functions and symbols, also in lists.
 * @throws InvalidOptionError
 */
export function checkValues(clientName: string, values: readonly unknown[]): void {
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    const kind = typeof value;
    if (kind !== 'function' && kind !== 'symbol' && (kind !== 'object' || !hasNoValue(value, 0))) continue;
    throw new InvalidOptionError({
      what: `A query on client "${clientName}" got ${Array.isArray(value) ? 'a list with a function or symbol' : typeName(value)} for its value ${at + 1}; it was not sent`,
      remedy:
        'Call the function and give what it returns, or give text, numbers, dates, buffers, lists and plain objects',
    });
  }
}

/** Whether a list has an entry that is no value. */
function hasNoValue(value: unknown, depth: number): boolean {
  if (!Array.isArray(value) || depth > deepest) return false;
  return value.some(
    (entry) => typeof entry === 'function' || typeof entry === 'symbol' || hasNoValue(entry, depth + 1),
  );
}
