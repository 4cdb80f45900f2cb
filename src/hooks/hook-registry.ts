import { AsyncLocalStorage } from 'node:async_hooks';
import type { Outcome } from '../connection/index.ts';
import type { Frame } from '../context/index.ts';
import { sharedByCopies } from '../core/index.ts';

/** A hook and the ambient contexts (those of other libraries too) in which it was registered. */
export interface Hook<Arguments extends readonly unknown[] = []> {
  readonly order: number;
  readonly frame: Frame;
  readonly inContext: <Result>(body: () => Result) => Result;
  readonly run: (...args: Arguments) => unknown;
}

// One for all copies of the package, whose hooks may be those of one transaction.
const last = sharedByCopies('hook-order', () => ({ order: 0 }));

export function createHook<Arguments extends readonly unknown[]>(
  frame: Frame,
  run: (...args: Arguments) => unknown,
): Hook<Arguments> {
  last.order += 1;
  return { order: last.order, frame, inContext: AsyncLocalStorage.snapshot(), run };
}

/** The hooks of one atomic unit. Most units have none, so the lists are made when they are needed. */
export class HookRegistry {
  // Private to the type alone: a savepoint of one copy of the package may be inside of a scope of another.
  private lists: HookLists | undefined;

  addCommit(hook: Hook): void {
    this.ensure().commits.push(hook);
  }
  addCompensation(hook: Hook): void {
    this.ensure().compensations.push(hook);
  }
  addBefore(hook: Hook): void {
    this.ensure().befores.push(hook);
  }
  addCompletion(hook: Hook<[Outcome]>): void {
    this.ensure().completions.push(hook);
  }

  get hasBefore(): boolean {
    return this.beforeCount > 0;
  }
  /** How many are to be awaited before the commit. */
  get beforeCount(): number {
    return this.lists === undefined ? 0 : this.lists.befores.length;
  }

  /** The next hook to be awaited before the commit; hooks that hooks register come too. */
  takeBefore(): Hook | undefined {
    return this.lists?.befores.shift();
  }

  /** Everything of a released savepoint becomes its parent's. */
  handTo(parent: HookRegistry): void {
    if (this.lists === undefined) return;
    const own = this.lists;
    const theirs = parent.ensure();
    theirs.commits.push(...own.commits);
    theirs.compensations.push(...own.compensations);
    theirs.befores.push(...own.befores);
    theirs.completions.push(...own.completions);
    this.lists = undefined;
  }

  /** What is to run for an outcome, in order; the registry is empty afterwards. */
  take(outcome: Outcome): readonly Hook[] {
    if (this.lists === undefined) return none;
    const { commits, compensations, completions } = this.lists;
    this.lists = undefined;
    const told = inOrder(completions).map((hook) => ({ ...hook, run: () => hook.run(outcome) }));
    if (outcome === 'committed') return [...inOrder(commits), ...told];
    return outcome === 'rolledBack' ? [...inOrder(compensations).reverse(), ...told] : told;
  }

  private ensure(): HookLists {
    return (this.lists ??= { commits: [], compensations: [], befores: [], completions: [] });
  }
}

interface HookLists {
  readonly commits: Hook[];
  readonly compensations: Hook[];
  readonly befores: Hook[];
  readonly completions: Hook<[Outcome]>[];
}

const none: readonly Hook[] = [];

function inOrder<H extends { readonly order: number }>(hooks: H[]): H[] {
  return hooks.sort((one, other) => one.order - other.order);
}
