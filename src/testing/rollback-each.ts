import { checkBody } from '../core/index.ts';
import { type Database, internalsOf } from '../database/index.ts';
import { readRollbackOptions, rolledBack, type RollbackOptions } from './rollback.ts';

type Anything = (...args: never[]) => unknown;
type Callable = (...args: unknown[]) => unknown;

/**
 * A test function (`it` or `test` of vitest, jest, node:test or mocha) whose tests run in transactions that
 * are rolled back; see `rolledBack`. Its variants (`only`, `skip`, `each`, `concurrent`...) work too.
 *
 * ```ts
 * import * as vitest from 'vitest';
 * const it = rollbackEach(database, vitest.it);
 * it('sells', async () => { await checkout(1); });
 * ```
 * Hooks of the framework (`beforeEach`) run outside of it.
 * @throws InvalidOptionError for what is no database or no function
 */
export function rollbackEach<Test extends Anything>(
  database: Database,
  test: Test,
  options: RollbackOptions = {},
): Test {
  internalsOf(database, 'rollbackEach');
  checkBody('rollbackEach', test);
  const read = readRollbackOptions(options);
  return wrap(test as Anything as Callable, (body) => wrapBody(database, body, read)) as Anything as Test;
}

function wrap(test: Callable, wrapTest: (body: Callable) => Callable): Callable {
  return new Proxy(test, {
    apply(target, self, args: unknown[]) {
      const result: unknown = Reflect.apply(
        target,
        self,
        args.map((each) => (typeof each === 'function' ? wrapTest(each as Callable) : each)),
      );
      // each(table) gives the function that takes the test.
      return typeof result === 'function' ? wrap(result as Callable, wrapTest) : result;
    },
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' && property !== 'prototype' ? wrap(value as Callable, wrapTest) : value;
    },
  });
}

function wrapBody(database: Database, body: Callable, options: RollbackOptions): Callable {
  const wrapped = function test(this: unknown, ...args: unknown[]): unknown {
    const done = args.at(-1);
    const isCallback = body.length > 0 && args.length === body.length && typeof done === 'function';
    if (!isCallback) return rolledBack(database, () => body.apply(this, args), options);
    rolledBack(database, () => untilDone(this, body, args.slice(0, -1)), options).then(
      () => (done as Callable)(),
      (error: unknown) => (done as Callable)(error),
    );
    return undefined;
  };
  // Frameworks look at how many parameters a test has, and at their names.
  Object.defineProperty(wrapped, 'length', { value: body.length });
  Object.defineProperty(wrapped, 'toString', { value: () => body.toString() });
  return wrapped;
}

function untilDone(self: unknown, body: Callable, args: readonly unknown[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: unknown): void => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
    body.apply(self, [...args, done]);
  });
}
