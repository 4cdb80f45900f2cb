import { reportBackgroundError } from '../channels/index.ts';
import { currentFrame, type Frame, runInFrame } from '../context/index.ts';
import type { Database, Db } from '../database/index.ts';
import { AfterCommitError, readOnce } from '../transaction/index.ts';

/** A scope that stands for a transaction which a library is about to begin on a connection of its own. */
export interface Awaited {
  /** The library has begun it. */
  taken: boolean;
  /** The library has rolled it back. */
  rolledBack: boolean;
  /** How the library would have it counts for nothing: it stands for a transaction that others have begun. */
  readonly takesAsIs: boolean;
  /** The library commits it: resolves when the server has. @throws what the commit came to */
  commit(): Promise<void>;
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
  awaited.set(frame, { taken: false, rolledBack: false, takesAsIs: true, commit: () => Promise.resolve() });
}

class RolledBack extends Error {
  suppressed: readonly unknown[] = [];
}

/** Runs something in the frame around the scope of an entry. */
export type OutsideOfOwn = <Result>(work: () => Result) => Result;

/** Runs an entry of a library that opens a transaction by itself. */
export type InOwnTransaction = <Result>(
  entry: (outside: OutsideOfOwn) => Result | PromiseLike<Result>,
) => Promise<Result>;

/**
 * Runs entries of a library that open a transaction by themselves in a scope of their own, which is what that
 * transaction becomes: nested in the ambient one, or a new one that everything below joins. Without this
 * a pool sees only the text of BEGIN, and cannot tell what comes from the entry's body from what comes
 * from a sibling beside it.
 * @param library names the transactions in errors and statistics
 * @param propagation what they are where one is ambient
 */
export function ownTransactions(
  database: Database,
  clientName: string | undefined,
  library: string,
  propagation: 'NESTED' | 'REQUIRED' = 'NESTED',
): InOwnTransaction {
  // Where a library calls from says nothing of the program.
  const options = readOnce({ name: `transaction of ${library}`, propagation }, () => undefined);
  let db: Db | undefined;
  return async (entry) => {
    db ??= database.getDb({ clientName });
    const around = currentFrame();
    const own = new OwnTransaction(async () => await entry((work) => runInFrame(around, work, undefined)));
    return await own.settle(db.transaction.begin(() => own.body(), options));
  };
}

/** A library's entry, and the scope that stands for its transaction. */
class OwnTransaction<Result> implements Awaited {
  taken = false;
  rolledBack = false;
  readonly takesAsIs = false;
  readonly #entry: () => Promise<Result>;
  #running: Promise<Result> | undefined;
  #ended: Promise<void> | undefined;
  #endBody: (() => void) | undefined;

  constructor(entry: () => Promise<Result>) {
    this.#entry = entry;
  }

  /** The body of the scope ends where its library commits, who then hears what became of that; or with the entry. */
  async body(): Promise<void> {
    const frame = currentFrame();
    if (frame !== undefined) awaited.set(frame, this);
    const running = this.#entry();
    this.#running = running;
    await new Promise<void>((resolve, reject) => {
      this.#endBody = resolve;
      running.then(() => resolve(), reject);
    });
    if (this.rolledBack) throw new RolledBack();
  }

  async commit(): Promise<void> {
    this.#endBody?.();
    try {
      await this.#ended;
    } catch (error) {
      if (!(error instanceof AfterCommitError)) throw error;
    }
  }

  /** @param ended the end of the scope */
  async settle(ended: Promise<void>): Promise<Result> {
    this.#ended = ended;
    try {
      await ended;
    } catch (error) {
      if (error instanceof AfterCommitError) await this.#complete(error);
      if (!(error instanceof RolledBack)) throw error;
      for (const hookError of error.suppressed) reportBackgroundError({ source: 'compensation', error: hookError });
    }
    return await (this.#running as Promise<Result>);
  }

  /** The body ended before there was a result. */
  async #complete(failed: AfterCommitError): Promise<void> {
    const [entry] = await Promise.allSettled([this.#running]);
    Object.defineProperty(failed, 'result', { value: entry.status === 'fulfilled' ? entry.value : undefined });
  }
}
