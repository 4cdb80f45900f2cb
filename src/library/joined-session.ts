import { reportBackgroundError } from '../channels/index.ts';
import { currentFrame, findPlace, type Frame, runInFrame } from '../context/index.ts';
import { type QueryResult, type Statement, TransactionControlError } from '../driver/index.ts';
import type { TransactionalClient } from '../connection/index.ts';
import { beginAs, runStatements, type Scope, type Target } from '../transaction/index.ts';
import { beginByHand, type Begun, type HowEnded, NestedByHand, standIn } from './begun-transaction.ts';
import type { Characteristics, ControlCommand } from './control-command.ts';
import { awaitedIn, isWithin, placeHere } from './own-transaction.ts';
import { noticeUnbound } from './unbound.ts';
import { throwToLibrary } from './library-failure.ts';
import type { LibrarySession, Remains } from './library-session.ts';
import { type ErrorPlace } from '../core/index.ts';

/**
 * A share in the connection of the ambient transaction. What its library takes for BEGIN and SAVEPOINT are
 * nested scopes, or the scope that was opened for the very entry which sends them.
 */
export class JoinedSession implements LibrarySession {
  readonly pinned: undefined;
  readonly #target: Target;
  readonly #base: Frame;
  #begun: Begun[] = [];
  #last: readonly Statement[] | undefined;
  /** How many of its statements `cancel` may mean. */
  #alone = 0;
  /** A scope that stood for what it had begun has ended. */
  #hasEnded = false;
  /** What it had begun was still open when the body of the scope around had ended, and was rolled back. */
  #leftOpen: Error | undefined;
  /** Its commit has failed, for which it has been rolled back: programs then ask for a rollback. */
  #commitFailed = false;
  /** How what it begins next is to be. */
  #next: Characteristics | undefined;

  constructor(client: TransactionalClient, frame: Frame) {
    this.#target = { client, level: undefined };
    this.#base = frame;
  }

  get backendId(): number | undefined {
    return this.#scopeOf(this.#base)?.transaction.backend?.id;
  }

  run(statements: readonly Statement[], isAlone = false): Promise<readonly QueryResult[]> {
    this.#last = statements;
    const frame = this.#frame();
    try {
      this.#askForNext(frame);
    } catch (error) {
      return Promise.reject(error);
    }
    if (isAlone) this.#alone += 1;
    const options = { last: false, isAlone: this.#alone > 0 };
    const work = (): Promise<readonly QueryResult[]> =>
      runStatements(this.#target, statements, options).catch(throwToLibrary);
    const answer = runInFrame(frame, work, undefined);
    return isAlone ? answer.finally(() => (this.#alone -= 1)) : answer;
  }

  get remains(): Remains | undefined {
    return this.#scopeOf(this.#base)?.remains;
  }

  async cancel(): Promise<void> {
    if (this.#last !== undefined) await this.#scopeOf(this.#base)?.transaction.withdraw(this.#last);
  }

  async control(command: ControlCommand): Promise<undefined> {
    await this.#carryOut(command);
    return undefined;
  }

  async #carryOut(command: ControlCommand): Promise<void> {
    this.#dropEnded();
    switch (command.type) {
      case 'begin':
        if (this.#begun.some(({ savepoint }) => savepoint === undefined))
          throw this.#refused('it has begun one already');
        this.#leftOpen = undefined;
        this.#commitFailed = false;
        return await this.#begin(undefined, { ...this.#takeNext(), ...command.characteristics });
      case 'savepoint':
        return await this.#begin(command.name, {});
      case 'characteristics': {
        const scope = this.#scopeOf(this.#frame());
        const asks = this.#begun.at(-1)?.takesAsIs !== true;
        if (scope !== undefined && asks) beginAs(scope, command.characteristics);
        return;
      }
      case 'nextCharacteristics':
        if (this.#begun.some(({ savepoint }) => savepoint === undefined))
          throw this.#refused('it has begun one already');
        this.#next = { ...this.#next, ...command.characteristics };
        return;
      case 'commit':
      case 'rollback': {
        const at = this.#begun.findLastIndex(({ savepoint }) => savepoint === undefined);
        // What it stood for has ended by itself, as it does.
        if (at < 0 && this.#hasEnded) return;
        if (at < 0 && this.#leftOpen !== undefined) return this.#endTooLate(command.type, this.#leftOpen);
        if (at < 0 && this.#commitFailed && command.type === 'rollback') return;
        if (at < 0) throw this.#refused('it has begun none, and the ambient one is not its own to end');
        if (command.type === 'rollback') return await this.#endFrom(at, 'rolledBack');
        this.#begun[at]?.assertCommits();
        return await this.#commitFrom(at);
      }
      case 'release':
        return await this.#endFrom(this.#find(command.name), 'released');
      case 'rollbackTo': {
        const at = this.#find(command.name);
        const begun = this.#begun[at];
        await this.#endFrom(begun?.standsIn === true ? at + 1 : at, 'rolledBack');
        // The savepoint itself stays, as it does on a server.
        if (begun?.standsIn === true) await begun.end('rolledBack');
        else this.#begun.push(await this.#nest(command.name, {}));
        return;
      }
      case 'untranslatable':
        throw this.#refused(command.reason);
    }
  }

  async release(): Promise<void> {
    this.#dropEnded();
    if (this.#begun.length === 0) return;
    const transaction = this.#begun.findIndex(({ savepoint }) => savepoint === undefined);
    try {
      // A transaction that was not committed is rolled back; a savepoint by itself stays, as at a server's COMMIT.
      if (transaction >= 0) await this.#endFrom(transaction, 'rolledBack');
      await this.#endFrom(0, 'released');
    } catch (error) {
      reportBackgroundError({ source: 'a connection that was released in the middle of its transaction', error });
    }
  }

  #takeNext(): Characteristics | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  /** It has begun none, so that it means the one it is in. @throws IncompatibleTransactionError */
  #askForNext(frame: Frame): void {
    const next = this.#takeNext();
    const scope = this.#scopeOf(frame);
    if (next !== undefined && scope !== undefined) beginAs(scope, next);
  }

  async #begin(savepoint: string | undefined, characteristics: Characteristics): Promise<void> {
    const here = currentFrame();
    const scope = here === undefined ? undefined : this.#scopeOf(here);
    const awaited = awaitedIn(here, this.#target.client);
    if (here !== undefined && scope !== undefined && awaited !== undefined) {
      awaited.taken = true;
      if (!awaited.takesAsIs) beginAs(scope, characteristics);
      if (awaited.connects) await scope.transaction.connect(here);
      this.#begun.push(standIn(savepoint, here, awaited));
    } else {
      if (savepoint === undefined) noticeUnbound(this.#target.client);
      this.#begun.push(await this.#nest(savepoint, characteristics));
    }
  }

  /** Opens a nested scope that lasts until the library ends it. */
  #nest(savepoint: string | undefined, characteristics: Characteristics): Promise<Begun> {
    const around = this.#frame();
    return beginByHand({
      target: this.#target,
      around,
      scope: this.#scopeOf(around),
      savepoint,
      characteristics,
      endWithScope: (nested) => this.#endWithScope(nested),
    });
  }

  async #commitFrom(index: number): Promise<void> {
    try {
      await this.#endFrom(index, 'released');
    } catch (error) {
      this.#commitFailed = true;
      throw error;
    }
  }

  /** Ends from the last one to that at the index, all of them, since what is left open keeps others waiting. */
  async #endFrom(index: number, how: HowEnded): Promise<void> {
    const ending = this.#take(index);
    let failed: { readonly error: unknown } | undefined;
    for (const begun of ending.toReversed()) {
      try {
        await begun.end(failed === undefined ? how : 'rolledBack');
      } catch (error) {
        failed ??= { error };
      }
    }
    if (failed !== undefined) throw failed.error;
  }

  #take(index: number): Begun[] {
    const taken = this.#begun.splice(index);
    for (const begun of taken) if (begun instanceof NestedByHand) begun.claim();
    // It ends by itself, also where its library hears that its commit has failed, and then rolls back.
    if (taken.some(({ standsIn }) => standsIn)) this.#hasEnded = true;
    return taken;
  }

  /** The body of the scope around has ended first: a transaction is rolled back, a savepoint by itself stays. */
  async #endWithScope(nested: NestedByHand): Promise<unknown> {
    if (nested.isClaimed) return undefined;
    const at = this.#begun.indexOf(nested);
    const open = at < 0 ? [nested] : this.#take(at).filter((begun) => begun instanceof NestedByHand);
    const transaction = open.findIndex(({ savepoint }) => savepoint === undefined);
    const error = open[transaction]?.error;
    this.#leftOpen = error;
    const ends = open.map(
      (begun, index) => (): Promise<void> =>
        begun.end(transaction >= 0 && index >= transaction ? 'rolledBack' : 'released'),
    );
    const ended = await Promise.allSettled(ends.toReversed().map((end) => end()));
    const failed = ended.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    return error ?? failed?.reason;
  }

  /** It is rolled back, which is what a rollback would have done. @throws what a commit comes to */
  #endTooLate(how: 'commit' | 'rollback', error: Error): void {
    if (how === 'commit') throw error;
    this.#leftOpen = undefined;
  }

  #find(name: string): number {
    const at = this.#begun.findLastIndex(({ savepoint }) => savepoint === name);
    if (at < 0) throw this.#refused(`it has no savepoint of that name`);
    return at;
  }

  /**
   * Where a statement runs: in what the library has begun last, or deeper, where its caller is in a nested scope inside
   * of that.
   */
  #frame(): Frame {
    this.#dropEnded();
    const own = this.#begun.at(-1)?.frame ?? this.#base;
    const here = currentFrame();
    if (here === own) return own;
    const scope = here === undefined ? undefined : this.#scopeOf(here);
    return here !== undefined && scope?.isOpen === true && isWithin(scope, this.#scopeOf(own)) ? here : own;
  }

  /** A scope that stood for a savepoint may have ended without the library saying so: after ROLLBACK TO. */
  #dropEnded(): void {
    while (this.#begun.length > 0 && this.#scopeOf(this.#begun.at(-1)?.frame)?.isOpen !== true) {
      const ended = this.#begun.pop();
      if (ended?.standsIn === true) this.#hasEnded = true;
    }
  }

  #refused(reason: string): TransactionControlError {
    return refused(reason, placeHere(this.#target.client));
  }

  #scopeOf(frame: Frame | undefined): Scope | undefined {
    return findPlace(frame, this.#target.client).scope as Scope | undefined;
  }
}

function refused(reason: string, at: ErrorPlace): TransactionControlError {
  return new TransactionControlError({
    what: `A library cannot begin, mark or end a transaction inside the ambient one here: ${reason}. It was not sent`,
    remedy: "Use the library's own transaction functions, or transaction() and its options",
    at,
  });
}
