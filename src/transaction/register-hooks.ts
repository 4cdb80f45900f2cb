import type { Outcome } from '../connection/index.ts';
import { findPlace, type Frame, frameOfCall, type Place } from '../context/index.ts';
import { InvalidOptionError, typeName } from '../core/index.ts';
import { createHook, HookRegistry, runAtOnce } from '../hooks/index.ts';
import type { Target } from './propagate.ts';
import type { Scope } from './scope.ts';

/** How many hooks may follow from one, where no client says otherwise. */
export const defaultHookLimit = 1_000;

/** When a hook runs. */
export type HookKind = 'beforeCommit' | 'commit' | 'compensate' | 'completion';

/** A hook of any kind: the error is what the caller gets, if the transaction is not committed. */
export type AnyHook = (outcome: Outcome, error: unknown) => unknown;

/**
 * Registers a hook with the transaction that is open for `target`. Outside of one, all but
 * compensations run at once; while hooks run, one that they register runs after them.
 * @throws TransactionEndedError in a scope that has ended; HookLimitError for a hook of hooks without end, where they run at once
 */
export function registerHook(target: Target, kind: HookKind, run: AnyHook): void {
  checkHook(kind, run);
  const frame = frameOfCall();
  place(findPlace(frame, target.client, target.level), frame, kind, { run, limit: target.client.hookLimit });
}

/** The same for whatever the current frame joins, on any client. */
export function registerHookHere(kind: HookKind, run: AnyHook): void {
  checkHook(kind, run);
  const frame = frameOfCall();
  const limit = (frame?.scope as Scope | undefined)?.transaction.client.hookLimit ?? defaultHookLimit;
  place({ scope: frame?.scope, hooks: frame?.hooks }, frame, kind, { run, limit });
}

interface Registered {
  readonly run: AnyHook;
  /** How many hooks may follow from it where it runs at once. */
  readonly limit: number;
}

function place(
  { scope, hooks }: Pick<Place, 'scope' | 'hooks'>,
  frame: Frame | undefined,
  kind: HookKind,
  { run, limit }: Registered,
): void {
  if (scope !== undefined && frame !== undefined && (scope as Scope).base === undefined) {
    register(scope as Scope, kind, run, frame);
  } else if (kind === 'compensate') {
    if (hooks?.open === true) hooks.compensate((error) => run('rolledBack', error));
  } else if (hooks?.open === true) {
    hooks.commit(() => run('committed', undefined));
  } else {
    runAtOnce(() => run('committed', undefined), limit);
  }
}

/** @throws InvalidOptionError for what is no function */
export function checkHook(kind: HookKind, run: unknown): void {
  if (typeof run === 'function') return;
  throw new InvalidOptionError({
    what: `A ${kind} hook was registered with ${typeName(run)}`,
    remedy: 'Give a function',
  });
}

function register(scope: Scope, kind: HookKind, run: AnyHook, frame: Frame): void {
  scope.assertAcceptsHooks();
  const hooks = (scope.unit.hooks ??= new HookRegistry());
  if (kind === 'beforeCommit') hooks.addBefore(createHook(frame, () => run('committed', undefined)));
  else if (kind === 'commit') hooks.addCommit(createHook(frame, () => run('committed', undefined)));
  else if (kind === 'compensate')
    hooks.addCompensation(createHook(frame, (error: unknown) => run('rolledBack', error)));
  else hooks.addCompletion(createHook(frame, run));
}
