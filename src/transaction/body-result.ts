import { giveCause } from '../connection/index.ts';
import { type ChainLink, InvalidOptionError, isInstance, isThenable } from '../core/index.ts';
import { refuseDeferred } from './deferred-result.ts';
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
