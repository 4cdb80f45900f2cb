import { channelNames, hookError, type HookTrace, hookTrace, inWords, isWatched } from '../channels/index.ts';
import type { Outcome, PhysicalTransaction, RunningWork, TransactionalClient } from '../connection/index.ts';
import { currentFrame, findPlace, Frame, type HookSink, runInFrame, type TransactionRecord } from '../context/index.ts';
import { traceHook } from '../observation/index.ts';
import { emitWarning, type ErrorPlace, fieldOf } from '../core/index.ts';
import { HookAllowance, tooManyHooks } from './hook-limit.ts';
import { createHook, type Hook } from './hook-registry.ts';

/** What hooks run for, and where. */
export interface Completion {
  /** The transaction that they were registered in. */
  readonly record: TransactionRecord;
  /** Where the transaction was, for errors. */
  readonly at: ErrorPlace;
  readonly outcome: Outcome;
  /** What the caller gets, if it is not committed. */
  readonly error?: unknown;
  readonly hooks: readonly Hook[];
  /** Makes the frame that a hook runs in from the one in which it was registered. */
  readonly frameFor: (registered: Frame, hooks: HookSink) => Frame;
  readonly hookLimit: number;
}

/**
 * Runs the hooks of an outcome one after the other, each once, and those that they register after
 * them. One that throws stops no other.
 * @returns what was thrown
 */
export async function runHooks(completion: Completion): Promise<readonly unknown[]> {
  if (completion.hooks.length === 0) return [];
  const errors: unknown[] = [];
  const { record } = completion;
  const watchedAs = kindOfHook(completion.outcome);
  const queue = new HookQueue(completion);
  let allowance: HookAllowance | undefined;
  for (let ran = 0, hook = queue.next(); hook !== undefined; ran += 1, hook = queue.next()) {
    if (ran >= completion.hooks.length) {
      allowance ??= new HookAllowance(completion.hookLimit);
      if (!allowance.take()) break;
      await allowance.breath();
    }
    const { frame, inContext, run } = hook;
    const hookFrame = completion.frameFor(frame, queue);
    try {
      await runWatched(record, watchedAs, () =>
        inContext(() => runInFrame(hookFrame, async () => await run(), undefined)),
      );
    } catch (error) {
      errors.push(error);
      const kind = completion.outcome === 'committed' ? 'commit' : 'compensate';
      reportHookError({ hook: kind, transaction: record.name, error });
    }
  }
  queue.close();
  if (queue.dropped > 0) {
    const { hookLimit, at } = completion;
    const owner = `of the transaction "${record.name}"`;
    errors.push(tooManyHooks(owner, hookLimit, `${queue.dropped} were not run`, { at }));
  }
  return errors;
}

/** Which hooks run for an outcome. */
function kindOfHook(outcome: 'committed' | 'rolledBack' | 'unknown'): HookTrace['hook'] {
  if (outcome === 'committed') return 'afterCommit';
  return outcome === 'rolledBack' ? 'afterRollback' : 'afterCompletion';
}

/** Runs a hook of a transaction as those who look on see it: its transaction waits for it. */
export async function runWatched<Result>(
  record: TransactionRecord,
  hook: HookTrace['hook'],
  run: () => Promise<Result>,
): Promise<Result> {
  const end = record.waitsFor({ type: 'hook', hook });
  try {
    return await (isWatched(hookTrace) ? traceHook(record, hook, run) : run());
  } finally {
    end();
  }
}

/** The frame of a hook whose transaction is over: what was current at its registration, without that transaction. */
export function frameAfter(outer: Frame | undefined): Completion['frameFor'] {
  return ({ client, current, chain, since }, hooks) => {
    const { scope, at } = client === undefined ? { scope: undefined, at: undefined } : findPlace(outer, client);
    const { level, baseLevel } = at ?? {};
    return new Frame(outer, { client, level, baseLevel, scope, hooks, current, chain, since });
  };
}

/** Reports an error that no caller may be waiting for. Without a subscriber it becomes a process warning. */
export function reportHookError(event: {
  hook: 'commit' | 'compensate';
  transaction: string | undefined;
  error: unknown;
}): void {
  if (hookError.hasSubscribers) hookError.publish(event);
  else if (event.transaction === undefined || event.hook === 'compensate') warn(event);
}

/** As programs call them. */
const nameOf = { commit: 'An afterCommit', compensate: 'An afterRollback' } as const;

function warn({
  hook,
  transaction,
  error,
}: {
  readonly hook: 'commit' | 'compensate';
  readonly transaction: string | undefined;
  readonly error: unknown;
}): void {
  const owner = transaction === undefined ? 'outside of a transaction' : `of transaction "${transaction}"`;
  emitWarning(
    'SLUICE_HOOK_ERROR',
    `${nameOf[hook]} hook ${owner} failed: ${inWords(error)} (subscribe to ${channelNames.hookError} to handle this)`,
    {
      cause: error,
    },
  );
}

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

/** The hooks that remain, with those that running hooks add. */
class HookQueue implements HookSink {
  readonly isAwaited: true = true;
  readonly isUndoing: boolean;
  readonly #hooks: Hook[];
  readonly #outcome: Outcome;
  readonly #error: unknown;
  readonly #limit: number;
  #at = 0;
  #added = 0;
  #open = true;
  dropped = 0;

  constructor({ outcome, error, hookLimit, hooks }: Completion) {
    this.isUndoing = outcome !== 'committed';
    this.#outcome = outcome;
    this.#error = error;
    this.#limit = hookLimit;
    this.#hooks = [...hooks];
  }

  get open(): boolean {
    return this.#open;
  }

  next(): Hook | undefined {
    const hook = this.#hooks[this.#at];
    this.#at += 1;
    return hook;
  }

  commit(run: () => unknown): void {
    this.#add(run);
  }

  /** After a commit there is nothing to compensate. */
  compensate(run: (error: unknown) => unknown): void {
    if (this.#outcome === 'rolledBack') this.#add(() => run(this.#error));
  }

  /** Lets go of the hooks, since what one has left running still knows the queue. */
  close(): void {
    this.#open = false;
    this.#hooks.length = 0;
  }

  #add(run: () => unknown): void {
    const frame = currentFrame();
    if (this.#added >= this.#limit || frame === undefined) {
      this.dropped += 1;
      return;
    }
    this.#added += 1;
    this.#hooks.push(createHook(frame, run));
  }
}

/** What an error carries of other errors. */
export function suppressedBy(error: unknown): readonly unknown[] {
  const kept = fieldOf(error, 'suppressed');
  return Array.isArray(kept) ? kept : [];
}

/** Keeps errors of compensations with the error that they ran for, where that can carry them. */
export function attachSuppressed(error: unknown, suppressed: readonly unknown[]): void {
  if (suppressed.length === 0 || typeof error !== 'object' || error === null || !Object.isExtensible(error)) return;
  Object.defineProperty(error, 'suppressed', { value: suppressed, configurable: true, writable: true });
}
