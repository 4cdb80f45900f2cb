import { InvalidOptionError, typeName } from '../core/index.ts';

/** The part of an Observable (of RxJS and others) that it takes to read it. */
export interface Subscribable<Value> {
  /** Starts the source and passes its values, its error or its completion to the observer. */
  subscribe(observer: { next(value: Value): void; error(error: unknown): void; complete(): void }): unknown;
}

/** What gives its values after the call that returned it: a stream, an async generator, an Observable. */
export type Deferred<Value> = AsyncIterable<Value> | Subscribable<Value>;

/**
 * Reads a stream, an async iterable or an Observable to its end, where it is called: in the transaction that is ambient there.
 *
 * ```ts
 * const lines = await database.transaction(async () => await drain(readLines()));
 * ```
 * @returns all its values, in their order
 * @throws what the source fails with; InvalidOptionError for what is none of these
 */
export async function drain<Value>(source: Deferred<Value>): Promise<Value[]> {
  const values: Value[] = [];
  await read(source, (value) => values.push(value));
  return values;
}

/**
 * Reads a source to its end, as `drain` does, and keeps only its last value.
 *
 * ```ts
 * const last = await database.transaction(async () => await drainLast(readLines()));
 * ```
 * @returns the last value; undefined where there is none
 * @throws what the source fails with
 */
export async function drainLast<Value>(source: Deferred<Value>): Promise<Value | undefined> {
  let last: Value | undefined;
  await read(source, (value) => (last = value));
  return last;
}

async function read<Value>(source: Deferred<Value>, take: (value: Value) => void): Promise<void> {
  if (typeof source !== 'object' || source === null) throw notDeferred(source);
  if (Symbol.asyncIterator in source) {
    for await (const value of source) take(value);
    return;
  }
  if (!('subscribe' in source) || typeof source.subscribe !== 'function') throw notDeferred(source);
  await new Promise<void>((resolve, reject) => {
    source.subscribe({ next: take, error: reject, complete: resolve });
  });
}

function notDeferred(source: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `drain got ${typeName(source)}, which gives no values`,
    remedy: 'Give a stream, an async iterable or an Observable',
  });
}
