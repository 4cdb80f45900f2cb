import { reportBackgroundError } from '../channels/index.ts';
import { standsFor } from '../connection/index.ts';
import { type ClientIdentity, currentFrame, findPlace, type Frame, runInFrame } from '../context/index.ts';
import { type ErrorPlace, InvalidOptionError, SluiceError } from '../core/index.ts';
import type { Database, Db } from '../database/index.ts';
import { TransactionControlError } from '../driver/index.ts';
import { attachSuppressed, suppressedBy } from '../hooks/index.ts';
import { AfterCommitError, readOnce, type Scope, type TransactionOptions } from '../transaction/index.ts';
import { clientOf } from './library-pool.ts';

/** A scope that represents a transaction which a library is about to begin on a connection of its own. */
export interface Awaited {
  /** On which the library is to begin it. */
  readonly client: ClientIdentity;
  /** Names the library in errors. */
  readonly library: string;
  /** The library has begun it. */
  taken: boolean;
  /** The library's options are ignored: the scope represents a transaction that was begun elsewhere. */
  readonly takesAsIs: boolean;
  /** Its connection is there when its library has begun it, since that has a limit for the wait. */
  readonly connects: boolean;
  /**
   * The library rolls it back. Resolves when the server has, where that ends it; behind ROLLBACK TO, `isEnd` false, its library
   * may go on.
   */
  rollback(isEnd: boolean): Promise<void>;
  /** @throws TransactionControlError where its library commits it from inside of a scope that nests in it */
  assertCommits(): void;
  /** The library commits it: resolves when the server has. @throws what the commit came to */
  commit(): Promise<void>;
}

/** Where a call on a client lands here, for errors. */
export function placeHere(client: ClientIdentity): ErrorPlace {
  return { clientName: client.name, level: findPlace(currentFrame(), client).level };
}

/** The transaction that the frame's scope represents, if the library has not begun it on the client yet. */
export function awaitedIn(frame: Frame | undefined, client: ClientIdentity): Awaited | undefined {
  const found = expectedFrom(frame);
  return found?.taken === false && found.client === client ? found : undefined;
}

/** By the frame from which the library begins it, since several may stand for one scope. */
function expectedFrom(frame: Frame | undefined): Awaited | undefined {
  return frame?.begins as Awaited | undefined;
}

const nothing = (): Promise<void> => Promise.resolve();

/** The frame's scope represents a transaction that a library is about to begin from there and never ends itself. */
export function expectBegin(frame: Frame, client: ClientIdentity): void {
  const state = { library: 'a library', taken: false, takesAsIs: true, connects: false };
  frame.begins = { ...state, client, rollback: nothing, assertCommits() {}, commit: nothing } satisfies Awaited;
}

/**
 * For a connection that was taken outside of the scope from which a library begins its transaction there.
 * @throws TransactionControlError
 */
export function refuseBeginElsewhere(client: ClientIdentity): void {
  const found = awaitedIn(currentFrame(), client);
  if (found !== undefined) throw beginsElsewhere(found.library, placeHere(client));
}

/** What joins its scope would have another connection: one transaction would be two. */
export function beginsElsewhere(library: string, at: ErrorPlace): TransactionControlError {
  return new TransactionControlError({
    what: `A transaction of ${library} would begin on a connection that was taken before it, where nothing else could join it; its function was not run`,
    remedy: `Take the connection inside of a transaction, database.transaction(() => ...), or let ${library} take one: use its handle over the ambient pool`,
    at,
  });
}

/**
 * For the body of a library's transaction, in which that has begun: it has not where the library has connections of its own, and
 * nothing of it would be in the transaction that is ambient here.
 * @param library names it
 * @throws InvalidOptionError
 */
export function assertBegun(library: string): void {
  const found = expectedFrom(currentFrame());
  if (found === undefined || found.taken) return;
  throw new InvalidOptionError({
    what: `A transaction of ${library} began on a connection of another database or client than the one it is bound to ("${found.client.name}"); its function was not run`,
    remedy: `Give ${library} ambientPool(database) of that database, with the same client name`,
  });
}

class RolledBack extends Error {
  suppressed: readonly unknown[] = [];
}

/** Runs something in the frame around the scope of an entry. */
export type OutsideOfOwn = <Result>(work: () => Result) => Result;

/** What the transactions of a library are. */
export interface OwnTransactionOptions {
  /** What they are where one is ambient. Default `NESTED`. */
  readonly propagation?: 'NESTED' | 'REQUIRED' | undefined;
  /** Whether their connection is taken when they begin, not with their first statement. Default false. */
  readonly connects?: boolean | undefined;
}

type Entry<Result> = (outside: OutsideOfOwn) => Result | PromiseLike<Result>;

/**
 * Runs entries of a library that open a transaction by themselves in a scope of their own, which is what that
 * transaction becomes: nested in the ambient one, or a new one that everything below joins. Without this
 * a pool sees only the text of BEGIN, and cannot tell what comes from the entry's body from what comes
 * from a concurrent sibling.
 */
export class OwnTransactions {
  readonly #target: OwnTarget;
  /** The frame of the transaction that it is a handle of. */
  readonly #home: Frame | undefined;

  constructor(target: OwnTarget, home?: Frame) {
    this.#target = target;
    this.#home = home;
  }

  /** Runs an entry that opens a transaction. */
  run<Result>(entry: Entry<Result>): Promise<Result> {
    const home = this.#home;
    return home !== undefined && this.#isElsewhere(home)
      ? runInFrame(home, () => this.#run(entry), undefined)
      : this.#run(entry);
  }

  /**
   * For the handle that a body gets, where it gets it. Its entries nest in the transaction that it is of, also where that
   * is not the ambient one (a queue or a loader runs what it is given in another async context), or around it (a program was
   * handed the handle out of the body).
   */
  ofHandle(): OwnTransactions {
    return new OwnTransactions(this.#target, currentFrame());
  }

  #run<Result>(entry: Entry<Result>): Promise<Result> {
    const { client, library, connects, db, options } = this.#target;
    const around = currentFrame();
    const outside: OutsideOfOwn = (work) => runInFrame(around, work, undefined);
    const own = new OwnTransaction(client, library, async () => await entry(outside), connects);
    return own.settle(db.transaction.begin(() => own.body(), options));
  }

  #isElsewhere(home: Frame): boolean {
    const { client } = this.#target;
    const scope = scopeIn(home, client);
    // What comes after its end is for the library to refuse.
    return scope?.isOpen === true && !isWithin(scopeIn(currentFrame(), client), scope);
  }
}

/** Where the transactions of a library are, and how they are. */
interface OwnTarget {
  readonly client: ClientIdentity;
  readonly db: Db;
  readonly library: string;
  readonly connects: boolean;
  readonly options: TransactionOptions;
}

/**
 * @param library names the transactions in errors and statistics
 * @throws InvalidOptionError, UnknownClientError
 */
export function ownTransactions(
  database: Database,
  clientName: string | undefined,
  library: string,
  { propagation = 'NESTED', connects = false }: OwnTransactionOptions = {},
): OwnTransactions {
  // Where a library calls from says nothing of the program.
  const options = readOnce({ name: `transaction of ${library}`, propagation }, () => undefined);
  const client = clientOf(database, clientName);
  return new OwnTransactions({ client, db: database.getDb({ clientName: client.name }), library, connects, options });
}

function scopeIn(frame: Frame | undefined, client: ClientIdentity): Scope | undefined {
  return findPlace(frame, client).scope as Scope | undefined;
}

/** Whether a scope is another one, or nested in it. */
export function isWithin(scope: Scope | undefined, outer: Scope | undefined): boolean {
  for (let at = scope; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}

/** A library's entry, and the scope that represents its transaction. */
class OwnTransaction<Result> implements Awaited {
  readonly client: ClientIdentity;
  readonly library: string;
  taken = false;
  readonly takesAsIs = false;
  readonly connects: boolean;
  readonly #entry: () => Promise<Result>;
  #frame: Frame | undefined;
  #running: Promise<Result> | undefined;
  #ended: Promise<void> | undefined;
  #endBody: (() => void) | undefined;
  #isRolledBack = false;
  /** The library is told what becomes of its commit. */
  #isCommitting = false;

  constructor(client: ClientIdentity, library: string, entry: () => Promise<Result>, connects: boolean) {
    this.client = client;
    this.library = library;
    this.#entry = entry;
    this.connects = connects;
  }

  /** The body of the scope ends where its library ends it, who then hears what became of that; or with the entry. */
  body(): Promise<void> {
    const frame = currentFrame();
    this.#frame = frame;
    if (frame !== undefined) frame.begins = this;
    const running = this.#entry();
    this.#running = running;
    return new Promise<void>((resolve, reject) => {
      const end = (): void => (this.#isRolledBack ? reject(new RolledBack()) : resolve());
      this.#endBody = end;
      running.then(end, reject);
    });
  }

  async rollback(isEnd: boolean): Promise<void> {
    this.#isRolledBack = true;
    if (!isEnd) return;
    this.#endBody?.();
    // From deeper inside it would wait for itself.
    if (currentFrame() === this.#frame) await Promise.allSettled([this.#ended]);
  }

  /** It would wait for itself. */
  assertCommits(): void {
    const own = scopeIn(this.#frame, this.client);
    const here = scopeIn(currentFrame(), this.client);
    if (here === own || own?.isOpen !== true || !isWithin(here, own)) return;
    throw new TransactionControlError({
      what: `A library would commit its transaction ("${own.name}") from inside of a transaction that is nested in it ("${here?.name}") and has not ended; it was not sent`,
      remedy: 'Commit it after the nested one has ended',
      at: placeHere(this.client),
    });
  }

  async commit(): Promise<void> {
    this.#isCommitting = true;
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
      if (error instanceof RolledBack) return await this.#afterRollback(error);
      // What the server says to a commit is the library's to tell, in its own kind of error.
      if (this.#isCommitting && !(error instanceof SluiceError)) await this.#throwLibrarys(error);
      throw error;
    }
    return await (this.#running as Promise<Result>);
  }

  /** @throws what the library has made of an error, if it has thrown anything */
  async #throwLibrarys(told: unknown): Promise<void> {
    const [entry] = await Promise.allSettled([this.#running]);
    if (entry.status === 'fulfilled' || entry.reason === told) return;
    standsFor(entry.reason, told);
    attachSuppressed(entry.reason, suppressedBy(told));
    throw entry.reason;
  }

  /** What the library makes of it, which is its own error in most cases. */
  async #afterRollback(rolledBack: RolledBack): Promise<Result> {
    const { suppressed } = rolledBack;
    try {
      const result = await (this.#running as Promise<Result>);
      for (const error of suppressed) reportBackgroundError({ source: 'compensation', error });
      return result;
    } catch (error) {
      standsFor(error, rolledBack);
      attachSuppressed(error, suppressed);
      throw error;
    }
  }

  /** The body ended before there was a result. */
  async #complete(failed: AfterCommitError): Promise<void> {
    const [entry] = await Promise.allSettled([this.#running]);
    Object.defineProperty(failed, 'result', { value: entry.status === 'fulfilled' ? entry.value : undefined });
  }
}
