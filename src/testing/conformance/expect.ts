import { AssertionError, deepStrictEqual } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';

/** @throws AssertionError with both values if they differ */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected);
  } catch {
    throw new AssertionError({
      message: `${what}: expected ${inspect(expected, { depth: 5 })}, found ${inspect(actual, { depth: 5 })}`,
      actual,
      expected,
    });
  }
}

/** @throws AssertionError if the condition does not hold */
export function expectThat(what: string, condition: boolean): void {
  if (!condition) throw new AssertionError({ message: `Expected that ${what}`, actual: false, expected: true });
}

/** @returns what a promise is rejected with. @throws AssertionError if it is not */
export async function expectRejection(what: string, work: Promise<unknown>): Promise<unknown> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new AssertionError({ message: `Expected that ${what} is rejected, and it is not` });
  return outcome.error;
}

/** Aborts when the check that runs here is over. */
export const checkEnd: AsyncLocalStorage<AbortSignal> = new AsyncLocalStorage();

/** Waits until a condition holds; the time limit of the check ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const signal = checkEnd.getStore();
  while (!(await condition())) {
    signal?.throwIfAborted();
    await pause(5);
  }
}

/** Waits in milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
