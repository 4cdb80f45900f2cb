import { scopeTrace, isWatched } from '../channels/index.ts';
import { traceScope } from '../observation/index.ts';
import { Frame, runInFrame } from '../context/index.ts';
import { attachSuppressed } from '../hooks/index.ts';
import { besides } from './begun-by-hand.ts';
import { type BodyResult, judge, returned, withLeftOpen } from './body-result.ts';
import type { TransactionOptions } from './options.ts';
import { type AtEnd, Scope } from './scope.ts';

/** A scope inside a transaction that is open already. */
export interface InnerRun<Result> {
  readonly parent: Scope;
  readonly outer: Frame;
  readonly options: TransactionOptions | undefined;
  readonly body: () => Result | PromiseLike<Result>;
  /** Of one that is nested. */
  readonly atEnd?: AtEnd | undefined;
}

/** Joins: an error that leaves the scope leaves the whole unit for rollback alone. */
export function join<Result>(run: InnerRun<Result>): Promise<Result> {
  const { parent, outer } = run;
  parent.enter();
  const { transaction } = parent;
  const scope = new Scope(transaction, parent.unit, parent, run.options?.name);
  const frame = new Frame(outer, { client: transaction.client, scope });
  const runInside = (): Promise<Result> => runInFrame(frame, runJoined<Result>, { scope, run });
  return isWatched(scopeTrace) ? traceScope(scope, 'joined', runInside) : runInside();
}

async function runJoined<Result>({ scope, run }: { scope: Scope; run: InnerRun<Result> }): Promise<Result> {
  try {
    let done: BodyResult<Result>;
    try {
      done = returned(await run.body(), scope);
    } catch (error) {
      done = judge(error, run.options);
    }
    const idle = scope.close();
    if (idle !== undefined) await idle;
    done = withLeftOpen(done, scope.leftOpen);
    if (done.type === 'returned') return done.value;
    if (scope.leftOpen !== undefined) attachSuppressed(done.error, besides(scope.leftOpen, done.error, []));
    if (done.type === 'thrown') scope.unit.doom(done.error);
    throw done.error;
  } finally {
    scope.end();
    run.parent.leave();
  }
}
