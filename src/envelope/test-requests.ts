import type { ChainContext } from '../context/index.ts';
import { sharedByCopies } from '../core/index.ts';
import { invalidContext } from './errors.ts';

/** The header by which a request joins the transaction of a test. */
export const testHeader = 'sluice-test';

/** A test that is running, and takes requests. */
export interface RunningTest {
  /** Runs `body` in the transaction of the test, with what the request brought. */
  enter<Result>(chain: ChainContext | undefined, body: () => Result): Result;
}

/** The tests of this process, by the tokens that they gave out. `isLoaded`: the process has loaded what tests are made with. */
interface RunningTests {
  isLoaded: boolean;
  readonly byToken: Map<string, RunningTest>;
}

/** For the tests alone. */
export const runningTests: RunningTests = sharedByCopies('tests-over-http', () => ({
  isLoaded: false,
  byToken: new Map(),
}));

/** @throws InvalidContextError for a token that no running test of this process has given out */
export function testOf(token: string | undefined): RunningTest | undefined {
  if (token === undefined) return undefined;
  const test = runningTests.byToken.get(token);
  if (test !== undefined) return test;
  throw invalidContext(
    runningTests.isLoaded
      ? `the header "${testHeader}" is of a test that is over, or of another process`
      : `the header "${testHeader}" came to a process without tests; it is taken where sluice/testing is loaded alone`,
  );
}
