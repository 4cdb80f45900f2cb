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

/**
 * Registers a hook with the transaction that is open for `target`. Outside of one, all but
 * compensations run at once; while hooks run, one that they register runs after them.
 * @throws TransactionEndedError in a scope that has ended; HookLimitError for a hook of hooks without end, where they run at once
 */
export function registerHook(target: Target, kind: HookKind, run: (outcome: Outcome) => unknown): void {
  checkHook(kind, run);
  const frame = frameOfCall();
  place(findPlace(frame, target.client, target.level), frame, kind, { run, limit: target.client.hookLimit });
}

/** The same for whatever the current frame joins, on any client. */
export function registerHookHere(kind: HookKind, run: (outcome: Outcome) => unknown): void {
  checkHook(kind, run);
  const frame = frameOfCall();
  const limit = (frame?.scope as Scope | undefined)?.transaction.client.hookLimit ?? defaultHookLimit;
  place({ scope: frame?.scope, hooks: frame?.hooks }, frame, kind, { run, limit });
}

interface Registered {
  readonly run: (outcome: Outcome) => unknown;
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
    if (hooks?.open === true) hooks.compensate(() => run('rolledBack'));
  } else if (hooks?.open === true) {
    hooks.commit(() => run('committed'));
  } else {
    runAtOnce(() => run('committed'), limit);
  }
}

function checkHook(kind: HookKind, run: unknown): void {
  if (typeof run === 'function') return;
  throw new InvalidOptionError({
    what: `A ${kind} hook was registered with ${typeName(run)}`,
    remedy: 'Give a function',
  });
}

function register(scope: Scope, kind: HookKind, run: (outcome: Outcome) => unknown, frame: Frame): void {
  scope.assertAcceptsHooks();
  const hooks = (scope.unit.hooks ??= new HookRegistry());
  if (kind === 'beforeCommit') hooks.addBefore(createHook(frame, () => run('committed')));
  else if (kind === 'commit') hooks.addCommit(createHook(frame, () => run('committed')));
  else if (kind === 'compensate') hooks.addCompensation(createHook(frame, () => run('rolledBack')));
  else hooks.addCompletion(createHook(frame, run));
}
