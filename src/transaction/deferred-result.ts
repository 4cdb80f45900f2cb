import { type ChainLink, InvalidOptionError, typeName } from '../core/index.ts';
import { DeferredResultError } from './errors.ts';

/** The part of an Observable (of RxJS and others) that it takes to read it. */
export interface Subscribable<Value> {
  /** Starts the source and passes its values, its error or its completion to the observer. */
  subscribe(observer: { next(value: Value): void; error(error: unknown): void; complete(): void }): unknown;
}

/** What gives its values after the call that returned it: a stream, an async generator, an Observable. */
export type Deferred<Value> = AsyncIterable<Value> | Subscribable<Value>;

/** What a result would be asked for; none of it has to be there. */
interface MaybeDeferred {
  readonly [Symbol.asyncIterator]?: unknown;
  readonly [Symbol.iterator]?: unknown;
  readonly '@@observable'?: unknown;
  readonly subscribe?: unknown;
  readonly pipe?: unknown;
  readonly read?: unknown;
  readonly next?: unknown;
}

/**
 * Refuses the result of a body that runs only when it is read, which is after the body's end: outside of its transaction.
 * @param name that of the scope
 * @throws DeferredResultError
 */
export function refuseDeferred(value: unknown, name: string, chain: () => readonly ChainLink[] = noChain): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const kind = deferredKind(value);
  if (kind === undefined) return;
  throw new DeferredResultError({
    what: `The body of "${name}" returned ${kind}, which would be read after its end: outside of the transaction`,
    remedy: 'Read it inside, as with "await drain(...)" or "await drainLast(...)", and return what it gave',
    chain: chain(),
  });
}

/** What is run later, in words; none for all else. */
function deferredKind(value: MaybeDeferred): string | undefined {
  try {
    if (isFunction(value[Symbol.asyncIterator])) return 'a stream or an async iterable';
    if (isFunction(value['@@observable'])) return 'an Observable';
    if (isFunction(value.pipe) && isFunction(value.subscribe)) return 'an Observable';
    if (isFunction(value.pipe) && isFunction(value.read)) return 'a stream';
    return isGenerator(value) ? 'a generator' : undefined;
  } catch {
    // What cannot be asked is none of these.
    return undefined;
  }
}

function isGenerator(value: MaybeDeferred): boolean {
  return isFunction(value.next) && Object.prototype.toString.call(value) === '[object Generator]';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

const noChain = (): readonly ChainLink[] => [];

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
  if (!isFunction((source as MaybeDeferred).subscribe)) throw notDeferred(source);
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
