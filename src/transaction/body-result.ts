import { giveCause } from '../connection/index.ts';
import { type ChainLink, InvalidOptionError, isInstance, isThenable } from '../core/index.ts';
import { DeferredResultError } from './errors.ts';
import type { TransactionOptions } from './options.ts';

/** What a body came to. `kept`: it threw an error that `rollbackOn` lets commit. */
export type BodyResult<Result> =
  | { readonly type: 'returned'; readonly value: Result }
  | { readonly type: 'kept'; readonly error: unknown }
  | { readonly type: 'thrown'; readonly error: unknown };

/** Whose body it was. */
interface Named {
  readonly name: string;
  readonly transaction: { chain(): readonly ChainLink[] };
}

/** @throws DeferredResultError for a result that runs only after the body */
export function returned<Result>(value: Result, { name, transaction }: Named): BodyResult<Result> {
  // Looked at here first, where most results are none.
  if (typeof value === 'object') refuseDeferred(value, name, () => transaction.chain());
  return { type: 'returned', value };
}

/** Runs a body to its end, which is a value. Where every promise counts this is written out. */
export async function settle<Result>(
  body: () => Result | PromiseLike<Result>,
  options: TransactionOptions | undefined,
  scope: Named,
): Promise<BodyResult<Result>> {
  try {
    return returned(await body(), scope);
  } catch (error) {
    return judge(error, options);
  }
}

/** What a body comes to that has left open what it had begun by hand. An error of its own says more. */
export function withLeftOpen<Result>(
  done: BodyResult<Result>,
  leftOpen: readonly unknown[] | undefined,
): BodyResult<Result> {
  if (leftOpen === undefined || done.type !== 'returned') return done;
  return { type: 'thrown', error: leftOpen[0] };
}

/** What `rollbackOn` throws itself takes the place of the error that it was asked about, and rolls back. */
export function judge(error: unknown, options: TransactionOptions | undefined): BodyResult<never> {
  // A refused result never reached the caller, so there is nothing to keep: it always rolls back.
  if (isInstance(error, DeferredResultError)) return { type: 'thrown', error };
  try {
    const rollsBack: unknown = options?.rollbackOn?.(error) ?? true;
    if (isThenable(rollsBack)) return { type: 'thrown', error: asynchronous(rollsBack as PromiseLike<unknown>, error) };
    return { type: rollsBack === false ? 'kept' : 'thrown', error };
  } catch (thrown) {
    giveCause(thrown, error);
    return { type: 'thrown', error: thrown };
  }
}

/** A promise is no answer yet, and would count as true. */
function asynchronous(answer: PromiseLike<unknown>, cause: unknown): InvalidOptionError {
  answer.then(undefined, () => {});
  return new InvalidOptionError({
    what: 'rollbackOn returned a promise; the transaction was rolled back for the error in the cause',
    remedy: 'Return true or false synchronously; find out before the body ends what it needs to know',
    cause,
  });
}

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
