import { commitTrace, transactionTrace, isWatched } from '../channels/index.ts';
import {
  cancelAtDeadline,
  type Cancellation,
  type Ending,
  named,
  remainingTime,
  PhysicalTransaction,
  type Through,
  type TransactionalClient,
  unexpectedRollback,
  placeOf,
} from '../connection/index.ts';
import { type Ancestor, type Begun, Frame, runInFrame, TransactionRecord } from '../context/index.ts';
import { isInstance, keepHistory, type Origin, SluiceError } from '../core/index.ts';
import type { TransactionCharacteristics } from '../driver/index.ts';
import { TransactionSettings } from '../riders/index.ts';
import {
  attachSuppressed,
  frameAfter,
  type Hook,
  HookAllowance,
  runHooksInTime,
  runWatched,
  tooManyHooks,
} from '../hooks/index.ts';
import { traceCommit, traceTransaction } from '../observation/index.ts';
import { AtomicUnit, type InScope } from './atomic-unit.ts';
import { besides } from './begun-by-hand.ts';
import { type BodyResult, judge, returned, withLeftOpen } from './body-result.ts';
import { AfterCommitError } from './errors.ts';
import { cutShort, stemsFrom, threwAfterCommit, timedOut } from './failures.ts';
import type { TransactionOptions } from './options.ts';
import { type BaseScope, Scope } from './scope.ts';

export interface Attempt {
  readonly client: TransactionalClient;
  readonly level: number;
  /** The frame around the transaction. */
  readonly outer: Frame | undefined;
  readonly origin: Origin;
  readonly options: TransactionOptions;
  /** What the engine begins with for the isolation level of the options. */
  readonly isolation: TransactionCharacteristics['isolation'];
  /** The attempt of the same call before this one; none for the first. */
  readonly previous: PhysicalTransaction | undefined;
  readonly base?: BaseScope | undefined;
  /** What stands between the transaction and its connection. */
  readonly through?: Through | undefined;
  /** When the call began, for its other attempts; now by default. What runs around it wins. */
  readonly since?: Begun | undefined;
  /** Milliseconds that are left for this attempt. */
  readonly timeout: number | undefined;
}

/** What an attempt came to, for the decision whether there is another. */
export interface Attempted<Result> {
  readonly transaction: PhysicalTransaction;
  readonly unit: AtomicUnit;
  readonly result: { readonly value: Result } | { readonly error: unknown };
}

/** Runs a transaction of its own that is not tried again. */
export async function runOnce<Result>(
  start: Omit<Attempt, 'timeout' | 'previous'>,
  body: () => Result | PromiseLike<Result>,
): Promise<Result> {
  const attempted = await runAttempt({ ...start, timeout: start.options.timeout, previous: undefined }, body);
  if ('value' in attempted.result) return attempted.result.value;
  throw leaving(attempted);
}

/** Runs `body` in a transaction of its own, from the opening of its scope to the last of its hooks. */
export async function runAttempt<Result>(
  attempt: Attempt,
  body: () => Result | PromiseLike<Result>,
): Promise<Attempted<Result>> {
  const { client, outer, options, timeout } = attempt;
  const remaining = outer === undefined ? undefined : remainingTime(outer, client.clock, () => placeOf(attempt));
  const transaction = physicalTransaction(attempt);
  const { cancellation } = transaction;
  const unit = new AtomicUnit();
  const scope = new Scope(transaction, unit, undefined, transaction.name, attempt.base);
  const frame = new Frame(outer, { client, scope, opens: transaction, since: outer?.since ?? attempt.since });
  const deadline = timeout === undefined ? undefined : client.clock.now() + timeout;
  if (timeout !== undefined) cancellation.onTimeout(timeout, () => timedOut(transaction, options.timeout ?? timeout));
  if (remaining !== undefined) {
    cancelAtDeadline(cancellation, remaining, `The transaction "${transaction.name}"`, {
      chain: () => transaction.chain(),
      at: placeOf(transaction),
    });
  }
  if (options.signal !== undefined) cancellation.onSignal(options.signal);

  client.work.add(transaction);
  const opened: Opened<Result> = { scope, frame, deadline, body };
  if (!isWatched(transactionTrace)) return await runToEnd(attempt, opened);
  return await traceTransaction(transaction, options.isolationLevel, () => runToEnd(attempt, opened));
}

interface Opened<Result> {
  readonly scope: Scope;
  readonly frame: Frame;
  /** When the call's timeout is over. */
  readonly deadline: number | undefined;
  readonly body: () => Result | PromiseLike<Result>;
}

/** From the body of a transaction to the last of its hooks. */
async function runToEnd<Result>(
  { client, outer, options }: Attempt,
  { scope, frame, deadline, body }: Opened<Result>,
): Promise<Attempted<Result>> {
  const { transaction, unit } = scope;
  const { cancellation } = transaction;
  try {
    const run: BodyRun<Result> = { scope, frame, options, body };
    const running = runInFrame(frame, runBody<Result>, run);
    let done = await cancellation.raceBody(running);
    scope.end();
    const ending = await endTransaction(transaction, unit, done);
    if (ending.outcome === 'committed' && wasCutShort(transaction, done))
      done = await lateResult(cancellation, running, done);
    unit.participants?.end(ending.outcome);
    const error = ending.outcome === 'committed' ? undefined : errorOf(transaction, unit, done, ending.failure);
    const hooks = unit.hooks?.take(ending.outcome, error);
    const errors =
      hooks === undefined || hooks.length === 0
        ? noErrors
        : await runHooksInTime(
            transaction,
            {
              record: transaction.record,
              outcome: ending.outcome,
              error,
              hooks,
              frameFor: frameAfter(outer),
              hookLimit: client.hookLimit,
              at: placeOf(transaction),
            },
            deadline,
          );
    return { transaction, unit, result: conclude(scope, done, { ...ending, error }, errors) };
  } finally {
    cancellation.stop();
    client.work.delete(transaction);
  }
}

/** The error with which a call ends; one of Sluice tells what its chain went through. */
export function leaving({ transaction, result }: Attempted<unknown>): unknown {
  const error = 'error' in result ? result.error : undefined;
  if (isInstance(error, SluiceError)) keepHistory(error, transaction.record.history);
  return error;
}

const noErrors: readonly unknown[] = [];

function physicalTransaction(attempt: Attempt): PhysicalTransaction {
  const { client, level, outer, previous, origin, isolation, options } = attempt;
  const around = outer?.innermost;
  const settings = settingsOf(attempt);
  const record = new TransactionRecord({
    client,
    level,
    name: options.name ?? 'anonymous',
    outer: around?.record,
    entryId: outer?.entryId,
    ancestors: outer?.chain?.ancestors ?? noAncestors,
    job: outer?.job,
    previous: previous?.record,
    openedAt: client.clock.now(),
    attempts: options.retry?.attempts,
  });
  return new PhysicalTransaction({
    client,
    outer: around,
    record,
    previous,
    origin,
    characteristics: { isolation, readOnly: options.readOnly ?? false },
    timeout: options.timeout,
    signal: options.signal,
    settings,
    through: attempt.through,
  });
}

/** Read before anything is taken, in the context around. @throws MissingSettingError, InvalidSettingError */
function settingsOf({ client, level, base }: Attempt): TransactionSettings | undefined {
  if (client.settings === undefined) return undefined;
  const mayChange = base !== undefined;
  const how = { behindBegin: !mayChange, mayChange };
  return new TransactionSettings(client.settings, { clientName: client.name, level }, how);
}

const noAncestors: readonly Ancestor[] = [];

interface BodyRun<Result> {
  readonly scope: Scope;
  readonly frame: Frame;
  readonly options: TransactionOptions;
  readonly body: () => Result | PromiseLike<Result>;
}

/** Runs the body, waits for what it left running, and then for the hooks before the commit. */
async function runBody<Result>({ scope, frame, options, body }: BodyRun<Result>): Promise<BodyResult<Result>> {
  try {
    options.signal?.throwIfAborted();
    let done: BodyResult<Result>;
    try {
      done = returned(await body(), scope);
    } catch (error) {
      done = judge(error, options);
    }
    const idle = scope.close();
    if (idle !== undefined) await idle;
    done = withLeftOpen(done, scope.leftOpen);
    if (done.type !== 'thrown' && scope.unit.awaitsCommit && scope.unit.doomed === undefined) {
      await runBeforeCommit(scope, frame);
    }
    return done;
  } catch (error) {
    return { type: 'thrown', error };
  }
}

/** Whether the call was ended from outside before its body had returned. */
function wasCutShort({ cancellation: { requested } }: PhysicalTransaction, done: BodyResult<unknown>): boolean {
  return done.type === 'thrown' && requested !== undefined && done.error === requested.reason;
}

/** What the body comes to once it hears that its last statement has committed, if it returns at once. */
async function lateResult<Result>(
  cancellation: Cancellation,
  body: Promise<BodyResult<Result>>,
  done: BodyResult<Result>,
): Promise<BodyResult<Result>> {
  const late = await cancellation.bounded(body);
  return late?.type === 'returned' ? late : done;
}

/** Runs and awaits the hooks before the commit, in the transaction, and then what commits with it. */
export async function runBeforeCommit(scope: Scope, frame: Frame): Promise<void> {
  const { unit } = scope;
  const { hookLimit } = scope.transaction.client;
  const free = unit.hooks?.beforeCount ?? 0;
  let ran = 0;
  let allowance: HookAllowance | undefined;
  const runHooks = async (): Promise<void> => {
    for (let hook = unit.hooks?.takeBefore(); hook !== undefined; hook = unit.hooks?.takeBefore()) {
      if (ran >= free) {
        allowance ??= new HookAllowance(hookLimit);
        if (!allowance.take()) throw tooManyBefore(scope.transaction);
        await allowance.breath();
      }
      ran += 1;
      await runHookBefore(scope, frame, hook);
    }
  };
  await runHooks();
  const { participants } = unit;
  const inScope: InScope = (work) => runAsHook(scope, frame, work);
  for (let next = participants?.next(); next !== undefined; next = participants?.next()) {
    await next.prepare(inScope);
    await runHooks();
  }
}

async function runHookBefore(scope: Scope, frame: Frame, { run, inContext }: Hook): Promise<void> {
  scope.transaction.cancellation.throwIfRequested();
  const runInScope = (): Promise<void> => inContext(() => runAsHook(scope, frame, async () => void (await run())));
  await runWatched(scope.transaction.record, 'beforeCommit', runInScope);
}

function tooManyBefore(transaction: PhysicalTransaction): unknown {
  const { name, client } = transaction;
  const owner = `before the commit of the transaction "${name}"`;
  return tooManyHooks(owner, client.hookLimit, 'it is rolled back', { chain: transaction.chain() });
}

/** Runs a hook in a scope of its own inside `parent`, which may be closed to everybody else. */
async function runAsHook<Result>(parent: Scope, frame: Frame, run: () => Promise<Result>): Promise<Result> {
  parent.enterAsHook();
  const scope = new Scope(parent.transaction, parent.unit, parent, `hook of ${parent.name}`);
  const { client } = parent.transaction;
  try {
    const result = await runInFrame(new Frame(frame, { client, scope }), run, undefined);
    const idle = scope.close();
    if (idle !== undefined) await idle;
    if (scope.leftOpen !== undefined) throw scope.leftOpen[0];
    return result;
  } finally {
    scope.end();
    parent.leave();
  }
}

function endTransaction(
  transaction: PhysicalTransaction,
  unit: AtomicUnit,
  done: BodyResult<unknown>,
): Promise<Ending> {
  const refused = transaction.cancellation.requested !== undefined || unit.doomed !== undefined;
  if (done.type === 'thrown' || refused) return transaction.rollback();
  return isWatched(commitTrace) ? traceCommit(transaction, () => transaction.commit()) : transaction.commit();
}

/** What the caller gets: the value, or the error that says most. */
function conclude<Result>(
  { transaction, unit, leftOpen }: Scope,
  done: BodyResult<Result>,
  { outcome, failure, error: found }: Ending & { readonly error: unknown },
  hookErrors: readonly unknown[],
): Attempted<Result>['result'] {
  if (outcome === 'committed' && done.type === 'returned') {
    if (hookErrors.length === 0) return { value: done.value };
    return { error: afterCommit(transaction, done.value, hookErrors) };
  }
  if (outcome === 'committed' && done.type === 'thrown') {
    const toldOf = wasCutShort(transaction, done) ? cutShort : threwAfterCommit;
    return { error: toldOf(transaction, [...new Set([done.error, ...(leftOpen ?? [])]), ...hookErrors]) };
  }
  const error = outcome === 'committed' ? errorOf(transaction, unit, done, failure) : found;
  attachSuppressed(error, besides(leftOpen, error, hookErrors));
  return { error };
}

function errorOf(
  transaction: PhysicalTransaction,
  unit: AtomicUnit,
  done: BodyResult<unknown>,
  failure: Ending['failure'],
): unknown {
  // Takes precedence over what the body threw: the caller has to know that the data may be there.
  if (
    transaction.outcome === 'unknown' &&
    failure !== undefined &&
    !(done.type === 'thrown' && stemsFrom(done.error, failure.error))
  ) {
    return failure.error;
  }
  if (done.type === 'thrown') return done.error;
  if (failure !== undefined) return failure.error;
  if (done.type === 'kept' && transaction.outcome === 'committed') return done.error;
  const { requested } = transaction.cancellation;
  return requested === undefined
    ? unexpectedRollback(transaction, unit.doomed?.cause, done.type === 'kept')
    : requested.reason;
}

/** The error for commit hooks that failed. */
export function afterCommit(
  transaction: PhysicalTransaction,
  result: unknown,
  errors: readonly unknown[],
): AfterCommitError {
  return new AfterCommitError({
    what: `The ${named(transaction)} is committed, but ${errors.length} of its commit hooks failed`,
    remedy:
      'See "errors". Do not repeat the transaction: its data is written, and "result" holds what the body returned',
    cause: errors[0],
    at: placeOf(transaction),
    result,
    errors,
  });
}
