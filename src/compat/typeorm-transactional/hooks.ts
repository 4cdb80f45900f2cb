import { AsyncLocalStorage } from 'node:async_hooks';
import { emitWarning, sharedByCopies } from '../../core/index.ts';
import { reportHookError } from '../../hooks/index.ts';
import { afterCommit, afterCompletion, afterRollback, type Db, isTransactionActive } from '../../index.ts';
import { checkHook } from '../../transaction/index.ts';
import { hookHandlers } from './context.ts';
import { TransactionalError } from './errors.ts';

/** When a hook runs. */
type Kind = 'commit' | 'rollback' | 'complete';
type Hook = (error: Error | undefined) => void;

/** What takes hooks: a transaction, or a call that runs in none. */
interface Taker {
  /** None: no transaction is there. */
  readonly db: Db | undefined;
  readonly hooks: { readonly kind: Kind; readonly hook: Hook }[];
  isOpen: boolean;
}

const takers = sharedByCopies('compat-typeorm-hooks', () => new AsyncLocalStorage<Taker>());

/** Runs what is in a transaction of `db`, which takes its hooks. */
export function withHooksOf<Result>(db: Db, body: () => Result): Result {
  return takers.run({ db, hooks: [], isOpen: true }, body);
}

/** Runs what is in no transaction: its hooks run when it has ended, as if it were one. */
export async function withHooksOfCall<Result>(
  run: (call: <R>(body: () => R) => R) => Promise<Result>,
): Promise<Result> {
  const taker: Taker = { db: undefined, hooks: [], isOpen: true };
  let result: { readonly value: Result } | { readonly error: unknown };
  try {
    result = { value: await run((body) => takers.run(taker, body)) };
  } catch (error) {
    result = { error };
  }
  taker.isOpen = false;
  const ended = 'value' in result ? 'commit' : 'rollback';
  const error = 'value' in result ? undefined : (result.error as Error);
  for (const wanted of [ended, 'complete']) {
    for (const { kind, hook } of taker.hooks) if (kind === wanted) await runHook(hook, error);
  }
  if ('value' in result) return result.value;
  throw result.error;
}

async function runHook(hook: Hook, failure: Error | undefined): Promise<void> {
  try {
    // It may be async, whatever its type says.
    await Promise.resolve(hook(failure));
  } catch (error) {
    reportHookError({ hook: failure === undefined ? 'commit' : 'compensate', transaction: undefined, error });
  }
}

/**
 * Runs `cb` after the commit of the transaction that is open here. One that throws stops no other, and leaves the data as it is.
 *
 * ```ts
 * import { runOnTransactionCommit } from 'sluice/compat/typeorm-transactional';
 *
 * runOnTransactionCommit(() => sendMail(`order ${id} is placed`));
 * ```
 * @throws TransactionalError where no transaction is open
 */
export function runOnTransactionCommit(cb: () => void): void {
  checkHook('commit', cb);
  register('commit', () => cb());
}

/**
 * Runs `cb` after a rollback of the transaction that is open here, with the error that its caller gets.
 *
 * ```ts
 * import { runOnTransactionRollback } from 'sluice/compat/typeorm-transactional';
 *
 * const payment = await charge(order);
 * runOnTransactionRollback(() => refund(payment));
 * ```
 * @throws TransactionalError where no transaction is open
 */
export function runOnTransactionRollback(cb: (error: Error) => void): void {
  checkHook('compensate', cb);
  register('rollback', (error) => cb(error as Error));
}

/**
 * Runs `cb` when the transaction that is open here has ended, after its other hooks; with the error that its caller gets, if it
 * is not committed.
 *
 * ```ts
 * import { runOnTransactionComplete } from 'sluice/compat/typeorm-transactional';
 *
 * runOnTransactionComplete((error) => console.log(error === undefined ? 'sold' : error.message));
 * ```
 * @throws TransactionalError where no transaction is open
 */
export function runOnTransactionComplete(cb: (error: Error | undefined) => void): void {
  checkHook('completion', cb);
  register('complete', cb);
}

function register(kind: Kind, hook: Hook): void {
  const taker = takers.getStore();
  if (taker?.db === undefined && isTransactionActive()) {
    place({ afterCommit, afterRollback, afterCompletion }, kind, hook);
    return;
  }
  if (taker?.isOpen !== true) throw nothingOpen();
  warnOfMany(taker, kind);
  taker.hooks.push({ kind, hook });
  if (taker.db !== undefined) place(taker.db, kind, hook);
}

type Places = Pick<Db, 'afterCommit' | 'afterRollback' | 'afterCompletion'>;

function place(places: Places, kind: Kind, hook: Hook): void {
  // Returned, since it may be async: it is awaited then.
  if (kind === 'commit') places.afterCommit(() => hook(undefined));
  else if (kind === 'rollback') places.afterRollback((error) => hook(error as Error));
  else places.afterCompletion((_outcome, error) => hook(error as Error | undefined));
}

function warnOfMany({ hooks }: Taker, kind: Kind): void {
  const most = hookHandlers();
  if (hooks.filter((each) => each.kind === kind).length !== most) return;
  emitWarning(
    'SLUICE_HOOK_HANDLERS',
    `One transaction has more than ${most} ${kind} hooks, the maxHookHandlers of initializeTransactionalContext()`,
  );
}

function nothingOpen(): TransactionalError {
  return new TransactionalError({
    what: 'A hook was registered where no transaction is open',
    remedy:
      'Call it in a method with @Transactional(), or in what it calls; afterCommit() of sluice runs at once without one',
  });
}
