import {
  aBoolean,
  anything,
  type Check,
  checkBody,
  InvalidOptionError,
  listOf,
  oneOf,
  readOptions,
  text,
} from '../core/index.ts';
import { type Database, type DatabaseInternals, internalsOf } from '../database/index.ts';
import { runningTests } from '../envelope/index.ts';
import { bases, recorder, type RunHooks } from './ambient-test.ts';
import { rehearsed } from './repeatable/index.ts';
import { type BaseScope, readTransactionOptions, runInBase, type TransactionOptions } from '../transaction/index.ts';

/** Options of `rolledBack` and `rollbackEach`. */
export interface RollbackOptions {
  /** The clients whose transactions are rolled back. Default: the default client. */
  readonly clientNames?: readonly string[] | undefined;
  /** What becomes of the commit hooks of the code under test: nothing but to be captured, or they run. Default `record`. */
  readonly commitHooks?: 'record' | 'run' | undefined;
  /** Of the transaction around the test; what the code under test asks for has to be given by it. */
  readonly isolationLevel?: TransactionOptions['isolationLevel'];
  /**
   * Runs each transaction with `retry` so that its first COMMIT is refused, and compares what its attempts do. Default: whether
   * `process.env.SLUICE_PROVE_REPEATABLE` is `1` or `true`.
   */
  readonly proveRepeatable?: boolean | undefined;
}

/** Options of `captureCommitHooks`. */
export interface CaptureOptions {
  /** Whether the hooks are run at the end. Default false. */
  readonly run?: boolean | undefined;
}

const captureChecks: Record<keyof CaptureOptions, Check> = { run: aBoolean };
const checks: Record<keyof RollbackOptions, Check> = {
  clientNames: listOf(text(200), 1_000, 'a list of names', 1),
  commitHooks: oneOf(['record', 'run']),
  // The transaction checks its own.
  isolationLevel: anything,
  proveRepeatable: aBoolean,
};

/** @throws InvalidOptionError */
export function readRollbackOptions(options: RollbackOptions): RollbackOptions {
  const read = readOptions('rolledBack', options, checks);
  readTransactionOptions({ isolationLevel: read.isolationLevel });
  return read;
}

/**
 * Runs `body` in a transaction that is rolled back afterwards and counts as none: the transactions of the code
 * under test are savepoints in it, and their statements see each other's rows. Any number may run at once; they
 * do not see each other. What is independent on purpose (REQUIRES_NEW inside of a transaction, `switchDbIsolate`)
 * really commits.
 *
 * ```ts
 * import assert from 'node:assert';
 * await rolledBack(database, async () => {
 *   await checkout(id);
 *   assert.equal(await product.count({ stock: 0 }), 1);
 * });
 * ```
 * @throws InvalidOptionError for what is no database or no function; what `body` throws
 */
export async function rolledBack<Result>(
  database: Database,
  body: () => Result | PromiseLike<Result>,
  options: RollbackOptions = {},
): Promise<Result> {
  const internals = internalsOf(database, 'rolledBack');
  checkBody('rolledBack', body);
  const read = readRollbackOptions(options);
  const { proveRepeatable = isAskedFor() } = read;
  const run = (rehearse?: BaseScope['rehearse']): Promise<Result> => runInTest(internals, body, { ...read, rehearse });
  if (!proveRepeatable) return await run();
  const clients = Object.keys(database.stats().clients).map((name) => internals.clientNamed(name));
  return await rehearsed(clients, run);
}

/** @throws InvalidOptionError for a value that says neither: a suite that proves nothing would pass */
function isAskedFor(): boolean {
  const said = process.env['SLUICE_PROVE_REPEATABLE'] ?? '';
  if (['1', 'true'].includes(said)) return true;
  if (['', '0', 'false'].includes(said)) return false;
  throw new InvalidOptionError({
    what: 'process.env.SLUICE_PROVE_REPEATABLE is neither 1 nor 0',
    remedy: 'Set it to 1 to have each transaction with "retry" repeated in tests that are rolled back, or unset it',
  });
}

interface TestOptions extends RollbackOptions {
  readonly rehearse: BaseScope['rehearse'];
}

async function runInTest<Result>(
  internals: DatabaseInternals,
  body: () => Result | PromiseLike<Result>,
  { clientNames, commitHooks = 'record', isolationLevel, rehearse }: TestOptions,
): Promise<Result> {
  runningTests.isLoaded = true;
  const base: BaseScope = {
    async committed(runHooks) {
      if (commitHooks === 'run') return await runHooks();
      recorder.getStore()?.push(runHooks);
      return [];
    },
    resources: new Map(),
    ends: [],
    rehearse,
  };
  const given = { name: 'test', ...(isolationLevel === undefined ? {} : { isolationLevel }) };
  let run: () => Promise<Result> = async () => await body();
  for (const name of clientNames ?? [internals.defaultClientName]) {
    const inner = run;
    run = () => runInBase(internals.clientNamed(name), base, inner, given);
  }
  try {
    return await bases.run(base, run);
  } finally {
    for (const end of base.ends) end();
  }
}

/** What `captureCommitHooks` found. */
export interface CapturedHooks<Result> {
  /** What the body returned. */
  readonly result: Result;
  /** How many transactions with commit hooks have ended well. */
  readonly count: number;
  /** Runs them now. @throws AggregateError of what they threw */
  run(): Promise<void>;
}

/**
 * Runs `body` and keeps the commit hooks of the transactions that end well in it, inside of `rolledBack` or
 * `rollbackEach`, where nothing commits. With `run` they are run at the end.
 *
 * ```ts
 * import assert from 'node:assert';
 * await rolledBack(database, async () => {
 *   const { count } = await captureCommitHooks(() => checkout(id));
 *   assert.equal(count, 1);
 * });
 * ```
 * @throws InvalidOptionError elsewhere, and for what is no function
 */
export async function captureCommitHooks<Result>(
  body: () => Result | PromiseLike<Result>,
  options: CaptureOptions = {},
): Promise<CapturedHooks<Result>> {
  const { run = false } = readOptions('captureCommitHooks', options, captureChecks);
  checkBody('captureCommitHooks', body);
  if (bases.getStore() === undefined) {
    throw new InvalidOptionError({
      what: 'captureCommitHooks was called outside of rollbackEach and rolledBack, where hooks run by themselves',
      remedy: 'Call it in a test that is rolled back',
    });
  }
  const hooks: RunHooks[] = [];
  const result = await recorder.run(hooks, async () => await body());
  const count = hooks.length;
  const captured: CapturedHooks<Result> = {
    result,
    count,
    async run() {
      const errors: unknown[] = [];
      for (const runHooks of hooks.splice(0)) errors.push(...(await runHooks()));
      if (errors.length > 0) throw new AggregateError(errors, 'commit hooks failed');
    },
  };
  if (run) await captured.run();
  return captured;
}
