import type { RunningWork, PhysicalTransaction, TransactionalClient } from '../connection/index.ts';
import { Frame } from '../context/index.ts';
import { type Completion, runHooks } from './run-hooks.ts';

/**
 * Runs the hooks of an outcome, and waits for them no longer than the call may take. Those that are not done by then go on
 * by themselves, which `close()` waits for as for other work, and for compensations a while longer.
 * @param deadline when the call's timeout is over: statements of hooks that begin before it are cancelled then
 * @returns what was thrown, and for a committed transaction why the hooks were not waited for
 */
export async function runHooksInTime(
  { cancellation, client }: PhysicalTransaction,
  completion: Completion,
  deadline: number | undefined,
): Promise<readonly unknown[]> {
  const frameFor: Completion['frameFor'] = (registered, sink) => {
    const frame = completion.frameFor(registered, sink);
    return deadline === undefined || deadline <= client.clock.now() ? frame : endingBy(frame, deadline);
  };
  const running = runHooks(deadline === undefined ? completion : { ...completion, frameFor });
  const errors = await cancellation.boundedLater(running);
  if (errors !== undefined) return errors;
  leaveRunning(client, running, completion.outcome === 'rolledBack');
  return completion.outcome === 'committed' ? [cancellation.requested?.reason] : [];
}

/** A closing database waits for other hooks than compensations no longer than for all that runs. */
function leaveRunning({ work }: TransactionalClient, running: Promise<unknown>, compensates: boolean): void {
  if (work.wasAborted && !compensates) return;
  const rest: RunningWork = {
    abort() {
      if (!compensates) work.delete(rest);
    },
  };
  work.add(rest);
  void running.finally(() => work.delete(rest));
}

/** The same frame with a deadline; an earlier one of its chain stays. */
function endingBy(frame: Frame, deadline: number): Frame {
  const { client, level, baseLevel, scope, hooks, current, chain } = frame;
  if (chain?.deadline !== undefined && chain.deadline <= deadline) return frame;
  return new Frame(frame, { client, level, baseLevel, scope, hooks, current, chain: { ...chain, deadline } });
}
