import { AsyncLocalStorage } from 'node:async_hooks';
import type { Frame } from '../context/index.ts';
import type { Outcome } from './state.ts';

/** A hook and the ambient contexts (those of other libraries too) in which it was registered. */
export interface Hook<Arguments extends readonly unknown[] = []> {
  readonly order: number;
  readonly frame: Frame;
  readonly inContext: <Result>(body: () => Result) => Result;
  readonly run: (...args: Arguments) => unknown;
}

let lastOrder = 0;

export function createHook<Arguments extends readonly unknown[]>(
  frame: Frame,
  run: (...args: Arguments) => unknown,
): Hook<Arguments> {
  lastOrder += 1;
  return { order: lastOrder, frame, inContext: AsyncLocalStorage.snapshot(), run };
}

/** The hooks of one atomic unit. */
export class HookRegistry {
  #commits: Hook[] = [];
  #compensations: Hook[] = [];
  #befores: Hook[] = [];
  #completions: Hook<[Outcome]>[] = [];

  addCommit(hook: Hook): void {
    this.#commits.push(hook);
  }
  addCompensation(hook: Hook): void {
    this.#compensations.push(hook);
  }
  addBefore(hook: Hook): void {
    this.#befores.push(hook);
  }
  addCompletion(hook: Hook<[Outcome]>): void {
    this.#completions.push(hook);
  }

  get hasBefore(): boolean {
    return this.#befores.length > 0;
  }

  /** The next hook to be awaited before the commit; those registered meanwhile come too. */
  takeBefore(): Hook | undefined {
    return this.#befores.shift();
  }

  /** Everything of a released savepoint becomes its parent's. */
  handTo(parent: HookRegistry): void {
    parent.#commits.push(...this.#commits);
    parent.#compensations.push(...this.#compensations);
    parent.#befores.push(...this.#befores);
    parent.#completions.push(...this.#completions);
    this.#commits = [];
    this.#compensations = [];
    this.#befores = [];
    this.#completions = [];
  }

  /** What is to run for an outcome, in order; the registry is empty afterwards. */
  take(outcome: Outcome): readonly Hook[] {
    const own =
      outcome === 'committed'
        ? inOrder(this.#commits)
        : outcome === 'rolledBack'
          ? inOrder(this.#compensations).reverse()
          : [];
    const completions = inOrder(this.#completions).map((hook) => ({ ...hook, run: () => hook.run(outcome) }));
    this.#commits = [];
    this.#compensations = [];
    this.#befores = [];
    this.#completions = [];
    return [...own, ...completions];
  }
}

function inOrder<H extends { readonly order: number }>(hooks: H[]): H[] {
  return hooks.sort((one, other) => one.order - other.order);
}
