import { randomUUID } from 'node:crypto';
import { Frame, frameOfCall } from '../context/index.ts';
import { InvalidOptionError } from '../core/index.ts';
import { runningTests, testHeader } from '../envelope/index.ts';
import type { Scope } from '../transaction/index.ts';
import { ambientTest } from './ambient-test.ts';

/**
 * Headers by which requests join the transaction of the test that calls it: the handlers of a server in the same process, with
 * `sluice/fastify`, `sluice/express`, `sluice/hono` or `sluice/http`, see the rows of the test, and what they write is rolled
 * back with it. They are good for any number of requests until the test ends; every other process refuses them with 400.
 *
 * ```ts
 * import assert from 'node:assert';
 * await rolledBack(database, async () => {
 *   const answer = await fetch('http://localhost:3000/orders', { method: 'POST', headers: testHeaders() });
 *   assert.equal(answer.status, 201);
 *   assert.equal(await product.count({ stock: 0 }), 1);
 * });
 * ```
 * @throws InvalidOptionError outside of `rollbackEach` and `rolledBack`, and inside of a transaction in a test
 */
export function testHeaders(): Record<string, string> {
  const test = ambientTest();
  const frame = frameOfCall();
  if (test === undefined || frame === undefined) throw outside();
  const scope = frame.scope as Scope | undefined;
  if (scope !== undefined && scope.base === undefined) throw inTransaction();
  const token = randomUUID();
  runningTests.byToken.set(token, {
    enter(chain, body) {
      const { client, level, hooks } = frame;
      return test.run(new Frame(frame, { client, level, scope, hooks, chain }), body);
    },
  });
  test.base.ends.push(() => runningTests.byToken.delete(token));
  return { [testHeader]: token };
}

function outside(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'testHeaders was called outside of rollbackEach and rolledBack',
    remedy: 'Call it in a test that is rolled back',
  });
}

function inTransaction(): InvalidOptionError {
  return new InvalidOptionError({
    what: 'testHeaders was called in a transaction inside of a test; the request would wait for its end',
    remedy: 'Call it and send the request outside of transaction(), as a client does',
  });
}
