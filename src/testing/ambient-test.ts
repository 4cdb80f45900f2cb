import { AsyncLocalStorage } from 'node:async_hooks';
import { type Frame, runInFrame } from '../context/index.ts';
import { sharedByCopies } from '../core/index.ts';
import type { BaseScope } from '../transaction/index.ts';

/** The hooks of one transaction that has ended well. */
export type RunHooks = () => Promise<readonly unknown[]>;

/** Takes what is recorded; the innermost one does. */
export const recorder: AsyncLocalStorage<RunHooks[]> = sharedByCopies('recorded-hooks', () => new AsyncLocalStorage());
export const bases: AsyncLocalStorage<BaseScope> = sharedByCopies('rolled-back', () => new AsyncLocalStorage());

/** What runs a body in the test that is ambient here. */
export interface AmbientTest {
  readonly base: BaseScope;
  /** Runs it as a part of that test, in `frame`. */
  run<Result>(frame: Frame, body: () => Result): Result;
}

/** The test that is ambient here. */
export function ambientTest(): AmbientTest | undefined {
  const base = bases.getStore();
  if (base === undefined) return undefined;
  const hooks = recorder.getStore() ?? [];
  return {
    base,
    run: (frame, body) => bases.run(base, () => recorder.run(hooks, () => runInFrame(frame, body, undefined))),
  };
}
