import { Frame } from '../context/index.ts';
import { type Completion, runHooks } from './completion.ts';
import type { Transaction } from './transaction.ts';
import type { RunningWork } from './work.ts';

/**
 * Runs the hooks of an outcome, and waits for them no longer than the call may take. Those that are not done by then go on
 * by themselves, which `close()` waits for.
 * @param deadline when the call's timeout is over: statements of hooks that begin before it are cancelled then
 * @returns what was thrown, and for a committed transaction why the hooks were not waited for
 */
export async function runHooksInTime(
  { cancellation, client }: Transaction,
  completion: Completion,
  deadline: number | undefined,
): Promise<readonly unknown[]> {
  if (cancellation.signal === undefined) return await runHooks(completion);
  const frameFor: Completion['frameFor'] = (registered, sink) => {
    const frame = completion.frameFor(registered, sink);
    return deadline === undefined || deadline <= client.clock.now() ? frame : endingBy(frame, deadline);
  };
  const running = runHooks({ ...completion, frameFor });
  const errors = await cancellation.bounded(running);
  if (errors !== undefined) return errors;
  const rest: RunningWork = { abort() {} };
  client.work.add(rest);
  void running.finally(() => client.work.delete(rest));
  return completion.outcome === 'committed' ? [cancellation.requested?.reason] : [];
}

/** The same frame with a deadline; an earlier one of its chain stays. */
function endingBy(frame: Frame, deadline: number): Frame {
  const { client, level, ground, scope, hooks, current, chain } = frame;
  if (chain?.deadline !== undefined && chain.deadline <= deadline) return frame;
  return new Frame(frame, { client, level, ground, scope, hooks, current, chain: { ...chain, deadline } });
}
