import { Frame, type HookSink, type OpenTransaction, runInFrame } from '../context/index.ts';
import { attachSuppressed, frameAfter, runHooks } from './completion.ts';
import { unexpectedRollback } from './failures.ts';
import { rollsBack, type TransactionOptions } from './options.ts';
import { Scope } from './scope.ts';
import { AtomicUnit } from './unit.ts';

/** A scope inside a transaction that is open already. */
export interface InnerRun<Result> {
  readonly parent: Scope;
  readonly outer: Frame;
  readonly options: TransactionOptions | undefined;
  readonly body: () => Result | PromiseLike<Result>;
}

/** Joins: an error that leaves the scope leaves the whole unit for rollback alone. */
export function join<Result>(run: InnerRun<Result>): Promise<Result> {
  const { parent, outer } = run;
  parent.enter();
  const { transaction } = parent;
  const scope = new Scope(transaction, parent.unit, parent, run.options?.name);
  const frame = new Frame(outer, { client: transaction.client, level: transaction.level, scope });
  return runInFrame(frame, runJoined<Result>, { scope, run });
}

async function runJoined<Result>({ scope, run }: InnerBody<Result>): Promise<Result> {
  try {
    const result = await run.body();
    const idle = scope.close();
    if (idle !== undefined) await idle;
    return result;
  } catch (error) {
    await scope.close();
    if (rollsBack(run.options, error)) scope.unit.doom(error);
    throw error;
  } finally {
    scope.end();
    run.parent.leave();
  }
}

/** Nests: a savepoint that is rolled back alone. Siblings and statements of the parent wait meanwhile. */
export async function nest<Result>(run: InnerRun<Result>): Promise<Result> {
  const { parent, outer } = run;
  const { transaction } = parent;
  parent.enter();
  try {
    const turn = parent.unit.lane.enter();
    if (turn !== undefined) await turn;
    const unit = new AtomicUnit(parent.unit, transaction.savepoints.create());
    const scope = new Scope(transaction, unit, parent, run.options?.name);
    const frame = new Frame(outer, { client: transaction.client, level: transaction.level, scope });
    let ending: NestedEnding<Result>;
    try {
      ending = await runInFrame(frame, runNested<Result>, { scope, run });
    } finally {
      scope.end();
      parent.unit.lane.leave();
    }
    if (ending.outcome === 'rolledBack') {
      attachSuppressed(ending.error, await compensate(run, unit));
      throw ending.error;
    }
    if (ending.error !== undefined) throw ending.error.kept;
    return ending.value;
  } finally {
    parent.leave();
  }
}

interface InnerBody<Result> {
  readonly scope: Scope;
  readonly run: InnerRun<Result>;
}

type NestedEnding<Result> =
  | { readonly outcome: 'released'; readonly value: Result; readonly error?: undefined }
  | { readonly outcome: 'released'; readonly error: { readonly kept: unknown } }
  | { readonly outcome: 'rolledBack'; readonly error: unknown };

async function runNested<Result>({ scope, run }: InnerBody<Result>): Promise<NestedEnding<Result>> {
  const { unit, transaction } = scope;
  let ending: NestedEnding<Result>;
  try {
    ending = { outcome: 'released', value: await run.body() };
  } catch (error) {
    ending = rollsBack(run.options, error)
      ? { outcome: 'rolledBack', error }
      : { outcome: 'released', error: { kept: error } };
  }
  await scope.close();
  if (ending.outcome === 'released' && unit.doomed !== undefined) {
    ending = { outcome: 'rolledBack', error: unexpectedRollback(transaction, unit.doomed.cause) };
  }
  if (ending.outcome === 'rolledBack') {
    await transaction.rollbackTo(unit);
    return ending;
  }
  if (unit.savepoint !== undefined) transaction.savepoints.released(unit.savepoint);
  unit.hooks.handTo(run.parent.unit.hooks);
  return ending;
}

/** Runs the compensations of a rolled back savepoint inside its parent. */
async function compensate<Result>({ parent, outer }: InnerRun<Result>, unit: AtomicUnit): Promise<readonly unknown[]> {
  const { transaction } = parent;
  const { client, level } = transaction;
  const hooks = unit.hooks.take('rolledBack');
  if (hooks.length === 0) return [];
  const scope = new Scope(transaction, parent.unit, parent, `hook of ${parent.name}`);
  const inside = (registered: Frame, sink: HookSink): Frame =>
    registered.client === client
      ? new Frame(outer, { client, level, scope, current: registered.current })
      : frameAfter(outer)(registered, sink);
  parent.enterAsHook();
  try {
    return await runHooks({
      transaction: transaction.name,
      outcome: 'rolledBack',
      hooks,
      frameFor: transaction.outcome === undefined ? inside : frameAfter(outside(outer, transaction)),
      hookLimit: client.hookLimit,
    });
  } finally {
    await scope.close();
    scope.end();
    parent.leave();
  }
}

/** The innermost frame around that knows nothing of a transaction. */
function outside(frame: Frame | undefined, transaction: OpenTransaction): Frame | undefined {
  const knows = ({ innermost }: Frame): boolean => {
    for (let open = innermost; open !== undefined; open = open.outer) if (open === transaction) return true;
    return false;
  };
  let at = frame;
  while (at !== undefined && knows(at)) at = at.parent;
  return at;
}
