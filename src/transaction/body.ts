import type { TransactionOptions } from './options.ts';

/** What a body came to. `kept`: it threw an error that `rollbackOn` lets commit. */
export type BodyResult<Result> =
  | { readonly type: 'returned'; readonly value: Result }
  | { readonly type: 'kept'; readonly error: unknown }
  | { readonly type: 'thrown'; readonly error: unknown };

/** Runs a body to its end, which is a value. Where every promise counts this is written out. */
export async function settle<Result>(
  body: () => Result | PromiseLike<Result>,
  options: TransactionOptions | undefined,
): Promise<BodyResult<Result>> {
  try {
    return { type: 'returned', value: await body() };
  } catch (error) {
    return judge(error, options);
  }
}

/** What `rollbackOn` throws itself takes the place of the error that it was asked about, and rolls back. */
export function judge(error: unknown, options: TransactionOptions | undefined): BodyResult<never> {
  try {
    const rollsBack = options?.rollbackOn?.(error) ?? true;
    return { type: rollsBack ? 'thrown' : 'kept', error };
  } catch (thrown) {
    return { type: 'thrown', error: thrown };
  }
}
