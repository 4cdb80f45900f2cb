import { AsyncLocalStorage } from 'node:async_hooks';
import { currentFrame, type Frame, runInFrame } from '../context/index.ts';
import { captureOrigin, type Origin, sharedByCopies } from '../core/index.ts';
import { type BegunByHand, leftOpen, runScope, type Scope, type Target } from '../transaction/index.ts';
import type { Characteristics } from './control-command.ts';
import type { Awaited } from './own-transaction.ts';

export type HowEnded = 'released' | 'rolledBack';

/** A transaction or savepoint that the library has begun: a scope in the ambient transaction. */
export interface Begun {
  /** None: begun by BEGIN. */
  readonly savepoint: string | undefined;
  /** What runs in it has this frame; none before it was its turn. */
  readonly frame: Frame | undefined;
  /** It is the scope of the entry that sent it, which ends by itself. */
  readonly standsIn: boolean;
  /** It represents the whole ambient transaction, whose options are those of the call that began it. */
  readonly takesAsIs: boolean;
  /** @throws TransactionControlError where a commit from here would wait for itself */
  assertCommits(): void;
  end(how: HowEnded): Promise<void>;
}

/** What was begun is the scope of the entry that begins it, which ends by itself, or where that commits. */
export function standIn(savepoint: string | undefined, frame: Frame, awaited: Awaited): Begun {
  return {
    savepoint,
    frame,
    standsIn: true,
    takesAsIs: awaited.takesAsIs,
    assertCommits: () => awaited.assertCommits(),
    async end(how) {
      if (how === 'rolledBack') await awaited.rollback(savepoint === undefined);
      // That a savepoint is released says nothing of a commit.
      else if (savepoint === undefined) await awaited.commit();
    },
  };
}

class RollbackRequested extends Error {}

/** Where and how something begins that is ended by hand. */
interface Beginning {
  readonly target: Target;
  readonly around: Frame;
  readonly scope: Scope | undefined;
  readonly savepoint: string | undefined;
  readonly characteristics: Characteristics;
  /** The body of the scope around has ended first. Never rejects. @returns what went wrong */
  readonly endWithScope: (nested: NestedByHand) => Promise<unknown>;
}

/** How many calls a library may have between `BEGIN` and the program. */
const depthOfLibraries = 20;

const asked = sharedByCopies('begun-at', () => new AsyncLocalStorage<Origin>());

/**
 * For a library that begins a transaction in a later tick, where the stack no longer shows the program's call.
 * @param above the function that the program has called
 */
export function beginningAt<Result>(above: (...args: never[]) => unknown, begin: () => Result): Result {
  return asked.run(captureOrigin(above, depthOfLibraries), begin);
}

/** Resolves when it is its turn. @throws what its scope is refused with */
export async function beginByHand(beginning: Beginning): Promise<NestedByHand> {
  const place = (): Origin => asked.getStore() ?? captureOrigin(beginByHand, depthOfLibraries);
  const origin = beginning.savepoint === undefined ? place() : undefined;
  const nested = new NestedByHand(beginning, origin);
  await nested.open();
  return nested;
}

/** A nested scope that lasts until the library ends it, or the body of the scope around has ended. */
export class NestedByHand implements Begun, BegunByHand {
  readonly savepoint: string | undefined;
  readonly standsIn: boolean = false;
  readonly takesAsIs: boolean = false;
  readonly #beginning: Beginning;
  readonly #origin: Origin | undefined;
  readonly #ended = Promise.withResolvers<HowEnded>();
  #frame: Frame | undefined;
  #done: Promise<void> = Promise.resolve();
  #isClaimed = false;

  constructor(beginning: Beginning, origin: Origin | undefined) {
    this.#beginning = beginning;
    this.savepoint = beginning.savepoint;
    this.#origin = origin;
  }

  get frame(): Frame | undefined {
    return this.#frame;
  }

  /** It is being ended, or about to be. */
  get isClaimed(): boolean {
    return this.#isClaimed;
  }

  claim(): void {
    this.#isClaimed = true;
  }

  async end(how: HowEnded): Promise<void> {
    this.#isClaimed = true;
    this.#ended.resolve(how);
    try {
      await this.#done;
    } catch (error) {
      if (!(error instanceof RollbackRequested)) throw error;
    }
  }

  /** No scope nests in it but those of its library, which end with it. */
  assertCommits(): void {}

  endWithScope(): Promise<unknown> {
    return this.#beginning.endWithScope(this);
  }

  /** That it was left open; nothing where it is a savepoint, which may be. */
  get error(): Error | undefined {
    const { scope } = this.#beginning;
    if (scope === undefined || this.#origin === undefined) return undefined;
    return leftOpen(scope.transaction, scope.name, this.#origin());
  }

  /** Resolves when it is its turn. @throws what its scope is refused with */
  open(): Promise<void> {
    const { scope, target, around, characteristics } = this.#beginning;
    const options = { ...characteristics, propagation: 'NESTED' } as const;
    scope?.beginByHand(this);
    return new Promise((resolve, reject) => {
      const body = async (): Promise<void> => {
        this.#frame = currentFrame();
        resolve();
        if ((await this.#ended.promise) === 'rolledBack') throw new RollbackRequested();
      };
      this.#done = runInFrame(around, () => runScope(target, body, options), undefined);
      const forget = (): void => scope?.endByHand(this);
      this.#done.then(forget, (error: unknown) => {
        forget();
        // Refused before its body: no other promise reports it.
        reject(error);
      });
    });
  }
}
