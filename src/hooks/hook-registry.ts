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

/** The hooks of one atomic unit. */
export class HookRegistry {
  // Private to the type alone: a savepoint of one copy of the package may be inside of a scope of another.
  private readonly commits: Hook[] = [];
  private readonly compensations: Hook<[unknown]>[] = [];
  private readonly befores: Hook[] = [];
  private readonly completions: Hook<[Outcome, unknown]>[] = [];

  addCommit(hook: Hook): void {
    this.commits.push(hook);
  }
  addCompensation(hook: Hook<[unknown]>): void {
    this.compensations.push(hook);
  }
  addBefore(hook: Hook): void {
    this.befores.push(hook);
  }
  addCompletion(hook: Hook<[Outcome, unknown]>): void {
    this.completions.push(hook);
  }

  /** How many are to be awaited before the commit. */
  get beforeCount(): number {
    return this.befores.length;
  }

  /** The next hook to be awaited before the commit; hooks that hooks register come too. */
  takeBefore(): Hook | undefined {
    return this.befores.shift();
  }

  /** Everything of a released savepoint becomes its parent's. */
  handTo(parent: HookRegistry): void {
    parent.commits.push(...this.commits.splice(0));
    parent.compensations.push(...this.compensations.splice(0));
    parent.befores.push(...this.befores.splice(0));
    parent.completions.push(...this.completions.splice(0));
  }

  /**
   * What is to run for an outcome, in order; the registry is empty afterwards.
   * @param error what the caller gets, if it is not committed
   */
  take(outcome: Outcome, error?: unknown): readonly Hook[] {
    this.befores.length = 0;
    const commits = inOrder(this.commits.splice(0));
    const compensations = inOrder(this.compensations.splice(0)).reverse();
    const told = inOrder(this.completions.splice(0)).map((hook) => ({ ...hook, run: () => hook.run(outcome, error) }));
    if (outcome === 'committed') return [...commits, ...told];
    if (outcome !== 'rolledBack') return told;
    return [...compensations.map((hook) => ({ ...hook, run: () => hook.run(error) })), ...told];
  }
}

function inOrder<H extends { readonly order: number }>(hooks: H[]): H[] {
  return hooks.sort((one, other) => one.order - other.order);
}
