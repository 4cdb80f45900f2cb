import type { TransactionalClient } from '../../connection/index.ts';
import type { BaseScope } from '../../transaction/index.ts';
import { type NotRepeatableError, notRepeatable } from './errors.ts';
import { remedies } from './finding.ts';
import { RehearsedTest } from './rehearsed-test.ts';

/**
 * Runs a test with each of its transactions repeated.
 * @param run runs it once, in a transaction of its own that is rolled back
 * @throws NotRepeatableError with what differs, and with `cause` what the test has thrown; what the test throws also where nothing
 *   is repeated
 */
export async function rehearsed<Result>(
  clients: readonly TransactionalClient[],
  run: (rehearse?: BaseScope['rehearse']) => Promise<Result>,
): Promise<Result> {
  const test = new RehearsedTest(clients);
  let result: Result;
  try {
    result = await run(test.rehearse);
  } catch (cause) {
    const error = test.error(cause);
    if (error !== undefined) throw error;
    throw test.hasRepeated && (await passes(run)) ? failsAlone(cause) : cause;
  } finally {
    test.end();
  }
  const error = test.error(undefined);
  if (error !== undefined) throw error;
  return result;
}

/** Whether a test that has failed passes where nothing is repeated. */
async function passes(run: () => Promise<unknown>): Promise<boolean> {
  return await run().then(
    () => true,
    () => false,
  );
}

function failsAlone(cause: unknown): NotRepeatableError {
  const what = 'The test fails where its transactions are repeated, and passes where they are not';
  const finding = { problem: 'testFails', what, place: undefined, transactionAt: undefined } as const;
  return notRepeatable([{ ...finding, remedy: remedies.testFails }], cause);
}
