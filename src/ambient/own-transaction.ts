import { reportBackgroundError } from '../channels/index.ts';
import { currentFrame, type Frame } from '../context/index.ts';
import type { Database, Db } from '../database/index.ts';
import { readOnce } from '../transaction/index.ts';

/** A scope that stands for a transaction which a library is about to begin on a connection of its own. */
export interface Awaited {
  /** The library has begun it. */
  taken: boolean;
  /** The library has rolled it back. */
  rolledBack: boolean;
}

/** By the frame from which the library begins it, since several may stand for one scope. */
const awaited = new WeakMap<Frame, Awaited>();

/** What the frame's scope stands for, if the library that begins there has not begun it yet. */
export function awaitedIn(frame: Frame | undefined): Awaited | undefined {
  const found = frame === undefined ? undefined : awaited.get(frame);
  return found?.taken === false ? found : undefined;
}

/** The frame's scope stands for a transaction that a library is about to begin from there and never ends itself. */
export function expectBegin(frame: Frame): void {
  awaited.set(frame, { taken: false, rolledBack: false });
}

class RolledBack extends Error {
  readonly result: unknown;
  suppressed: readonly unknown[] = [];

  constructor(result: unknown) {
    super('the library rolled its transaction back');
    this.result = result;
  }
}

/** Runs an entry of a library that opens a transaction by itself. */
export type InOwnTransaction = <Result>(entry: () => Result | PromiseLike<Result>) => Promise<Result>;

/**
 * Runs entries of a library that open a transaction by themselves in a scope of their own, which is what that
 * transaction becomes: nested in the ambient one, or a new one that everything below joins. Without this
 * a pool sees only the text of BEGIN, and cannot tell what comes from the entry's body from what comes
 * from a sibling beside it.
 * @param library names the transactions in errors and statistics
 */
export function ownTransactions(database: Database, clientName: string | undefined, library: string): InOwnTransaction {
  // Where a library calls from says nothing of the program.
  const options = readOnce({ name: `transaction of ${library}`, propagation: 'NESTED' }, () => undefined);
  let db: Db | undefined;
  return async (entry) => {
    db ??= database.getDb({ clientName });
    const own: Awaited = { taken: false, rolledBack: false };
    try {
      return await db.transaction.begin(async () => {
        const frame = currentFrame();
        if (frame !== undefined) awaited.set(frame, own);
        const result = await entry();
        if (own.rolledBack) throw new RolledBack(result);
        return result;
      }, options);
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
      for (const hookError of error.suppressed) reportBackgroundError({ source: 'compensation', error: hookError });
      return error.result as never;
    }
  };
}
