/** Reads a value that came from outside, and copies what it knows of it. @throws UnreadableError */
export type Reader<Value> = (value: unknown) => Value;

/** What came is not what it should be. */
export class UnreadableError extends Error {}

/** Text that is cut where it is too long. */
export function textUpTo(longest: number): Reader<string> {
  return (value) => {
    if (typeof value !== 'string') throw new UnreadableError('no text');
    return value.length > longest ? `${value.slice(0, longest)}…` : value;
  };
}

export const aNumber: Reader<number> = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new UnreadableError('no number');
  return value;
};

export const aTruth: Reader<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new UnreadableError('neither true nor false');
  return value;
};

/** One of a few words. */
export function wordOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  return (value) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new UnreadableError('an unknown word');
    return found;
  };
}

export function optional<Value>(read: Reader<Value>): Reader<Value | undefined> {
  return (value) => (value === undefined || value === null ? undefined : read(value));
}

/** A list, of which no more than so many are taken. */
export function listUpTo<Value>(most: number, read: Reader<Value>): Reader<readonly Value[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new UnreadableError('no list');
    return value.slice(0, most).map(read);
  };
}

/** Entries by names that are among those. */
export function entriesOf<Value>(
  names: readonly string[],
  read: Reader<Value>,
): Reader<Readonly<Record<string, Value>>> {
  return (value) => {
    const from = fieldsOf(value);
    const known = names.filter((name) => Object.hasOwn(from, name));
    return Object.fromEntries(known.map((name) => [name, read(from[name])]));
  };
}

/** An object with these fields; others are left out. */
export function shaped<Shape extends object>(readers: {
  readonly [Name in keyof Shape]-?: Reader<Shape[Name]>;
}): Reader<Shape> {
  const entries = Object.entries<Reader<unknown>>(readers);
  return (value) => {
    const from = fieldsOf(value);
    return Object.fromEntries(entries.map(([name, read]) => [name, read(from[name])])) as Shape;
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UnreadableError('no object');
  return value as Readonly<Record<string, unknown>>;
}
