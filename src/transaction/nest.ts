import { scopeTrace, isWatched } from '../channels/index.ts';
import { placeOf, unexpectedRollback } from '../connection/index.ts';
import { currentFrame, Frame, type HookSink, type OpenTransaction, runInFrame } from '../context/index.ts';
import { isInstance, keepHistory, SluiceError } from '../core/index.ts';
import { attachSuppressed, frameAfter, runHooks } from '../hooks/index.ts';
import { type Failed, traceScope } from '../observation/index.ts';
import { AtomicUnit } from './atomic-unit.ts';
import { afterCommit, runBeforeCommit } from './begin.ts';
import { besides } from './begun-by-hand.ts';
import { type BodyResult, settle, withLeftOpen } from './body-result.ts';
import type { InnerRun } from './join.ts';
import { awaitTurn, Scope } from './scope.ts';

/** Nests: a savepoint that is rolled back alone. Siblings and statements of the parent wait for its end. */
export async function nest<Result>(run: InnerRun<Result>): Promise<Result> {
  const { parent, outer } = run;
  const { transaction } = parent;
  parent.enter();
  try {
    const turn = parent.unit.turns.enter(transaction);
    if (turn !== undefined) await awaitTurn(parent, turn);
    let nested: { readonly scope: Scope; readonly done: BodyResult<Result> };
    try {
      // The transaction may have ended while this scope waited for its turn.
      transaction.assertOpen();
      const unit = new AtomicUnit(parent.unit, transaction.savepoints.create());
      const scope = new Scope(transaction, unit, parent, run.options?.name);
      parent.unit.nested = scope.name;
      const frame = new Frame(outer, { client: transaction.client, scope });
      const isTraced = isWatched(scopeTrace);
      const runInside = (): Promise<BodyResult<Result>> => runInFrame(frame, runNested<Result>, { scope, run });
      nested = { scope, done: await (isTraced ? traceScope(scope, 'nested', runInside, failureOf) : runInside()) };
    } finally {
      parent.unit.nested = undefined;
      parent.unit.turns.leave();
    }
    const { scope, done } = nested;
    const errors =
      done.type === 'thrown' ? await compensate(run, scope.unit, done.error) : await commitIn(run, scope.unit);
    if (done.type !== 'returned') {
      attachSuppressed(done.error, besides(scope.leftOpen, done.error, errors));
      throw done.error;
    }
    if (errors.length > 0) throw afterCommit(transaction, done.value, errors);
    return done.value;
  } catch (error) {
    if (isInstance(error, SluiceError)) keepHistory(error, transaction.record.history);
    throw error;
  } finally {
    parent.leave();
  }
}

/** In a transaction that counts as none this one has committed now. @returns what its hooks threw */
async function commitIn<Result>({ parent, outer }: InnerRun<Result>, unit: AtomicUnit): Promise<readonly unknown[]> {
  const { base, transaction } = parent;
  if (base === undefined) return [];
  unit.participants?.end('committed');
  const hooks = unit.hooks?.take('committed') ?? [];
  if (hooks.length === 0) return [];
  const { hookLimit } = transaction.client;
  const frameFor = frameAfter(outer);
  return await base.committed(() =>
    runHooks({
      record: transaction.record,
      at: placeOf(transaction),
      outcome: 'committed',
      hooks,
      frameFor,
      hookLimit,
    }),
  );
}

/** What the body of a nested scope has failed with, if it has. */
function failureOf(done: BodyResult<unknown>): Failed | undefined {
  return done.type === 'thrown' ? done : undefined;
}

interface InnerBody<Result> {
  readonly scope: Scope;
  readonly run: InnerRun<Result>;
}

/** Runs the body of a savepoint scope, and releases the savepoint or rolls back to it. */
async function runNested<Result>({ scope, run }: InnerBody<Result>): Promise<BodyResult<Result>> {
  const { unit, transaction } = scope;
  let done = await settleNested(scope, run);
  scope.end();
  if (done.type !== 'thrown' && unit.doomed !== undefined) {
    done = { type: 'thrown', error: unexpectedRollback(transaction, unit.doomed.cause) };
  }
  const refusal = run.atEnd?.(done);
  if (done.type !== 'thrown' && refusal !== undefined) done = { type: 'thrown', error: refusal };
  if (done.type === 'thrown') {
    transaction.repeatable?.carry(unit, done.error);
    unit.noteUndone();
    await transaction.rollbackTo(unit);
  } else {
    if (unit.savepoint !== undefined) transaction.savepoints.released(unit.savepoint);
    if (run.parent.base === undefined) handHooks(unit, run.parent.unit);
  }
  return done;
}

/** What was registered within a savepoint counts for its parent from now on. */
function handHooks(unit: AtomicUnit, parent: AtomicUnit): void {
  if (unit.hooks === undefined) return;
  if (parent.hooks === undefined) parent.hooks = unit.hooks;
  else unit.hooks.handTo(parent.hooks);
  unit.hooks = undefined;
}

/** Runs the body and waits for what it left running; the hooks before the commit too, where this is one. */
async function settleNested<Result>(
  scope: Scope,
  { parent, body, options }: InnerRun<Result>,
): Promise<BodyResult<Result>> {
  const settled = await settle(body, options, scope);
  await scope.close();
  const done = withLeftOpen(settled, scope.leftOpen);
  const frame = currentFrame();
  if (parent.base === undefined || done.type === 'thrown' || scope.unit.doomed !== undefined || frame === undefined) {
    return done;
  }
  try {
    await runBeforeCommit(scope, frame);
    return done;
  } catch (error) {
    return { type: 'thrown', error };
  }
}

/** Runs the compensations of a rolled back savepoint inside its parent. */
async function compensate<Result>(
  { parent, outer }: InnerRun<Result>,
  unit: AtomicUnit,
  error: unknown,
): Promise<readonly unknown[]> {
  const { transaction } = parent;
  const { client } = transaction;
  unit.participants?.end('rolledBack');
  const hooks = unit.hooks?.take('rolledBack', error) ?? [];
  if (hooks.length === 0) return [];
  const scope = new Scope(transaction, parent.unit, parent, `hook of ${parent.name}`);
  const inside = (registered: Frame, sink: HookSink): Frame =>
    registered.client === client
      ? new Frame(outer, { client, scope, current: registered.current })
      : frameAfter(outer)(registered, sink);
  parent.enterAsHook();
  try {
    const errors = await runHooks({
      record: transaction.record,
      outcome: 'rolledBack',
      error,
      hooks,
      frameFor: transaction.outcome === undefined ? inside : frameAfter(outside(outer, transaction)),
      hookLimit: client.hookLimit,
      at: placeOf(transaction),
    });
    await scope.close();
    return besides(scope.leftOpen, undefined, errors);
  } finally {
    scope.end();
    parent.leave();
  }
}

/** The innermost frame around that knows nothing of a transaction. */
function outside(frame: Frame | undefined, transaction: OpenTransaction): Frame | undefined {
  let found = frame;
  for (let at = frame; at !== undefined; at = at.parent) {
    if (at.scope?.transaction === transaction) found = at.parent;
  }
  return found;
}
