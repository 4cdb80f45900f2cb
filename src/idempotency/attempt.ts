import { randomUUID } from 'node:crypto';
import { CommitUnknownError, DeadlineExceededError } from '../connection/index.ts';
import { type ErrorPlace, sleep, systemClock } from '../core/index.ts';
import { ConnectionLostError } from '../driver/index.ts';
import { AfterCommitError } from '../transaction/index.ts';
import type { IdempotentAnswer, IdempotentCall } from './call.ts';
import { claimKey, type KeyRow, storeAnswer } from './claim.ts';
import { conflict, inProgress, inProgressHere, noAnswer, unknown } from './errors.ts';
import type { StoredAnswer } from './flights.ts';
import { noteHeld } from './held-keys.ts';
import { tables } from './tables.ts';

/** Between two looks for what a lost COMMIT has left, in milliseconds. */
const pause = 100;

/** Where the transaction of a call is. */
export function placeOf({ db }: Pick<IdempotentCall<unknown>, 'db'>): ErrorPlace {
  return { clientName: db.clientName, level: db.level };
}

/** A key that another call has, which is told when the transaction is over: what it joins may go on. */
interface Refusal {
  readonly refusal: Error;
}

/** An attempt to make an idempotent call in a transaction. */
export class Attempt<Value> {
  readonly #call: IdempotentCall<Value>;
  readonly #claimant = randomUUID();
  #hasBegun = false;
  #claimedAt = 0;
  #stored: StoredAnswer | undefined;

  constructor(call: IdempotentCall<Value>) {
    this.#call = call;
  }

  /** What is under the key, once the attempt has ended; nothing where that is not known. */
  get stored(): StoredAnswer | undefined {
    return this.#stored;
  }

  /** Whether another attempt may go well: this one has failed in claiming the key, before anything had an effect. */
  mayRepeat(error: unknown): boolean {
    return !this.#hasBegun && tables.of(this.#call.db).mayRepeat(error);
  }

  async run(): Promise<IdempotentAnswer<Value>> {
    const call = this.#call;
    const wait = call.joins ? undefined : new Wait(call);
    let ended: IdempotentAnswer<Value> | Refusal;
    try {
      ended = await call.transact(() => this.#runInTransaction(wait), wait?.signal);
    } catch (error) {
      if (error instanceof AfterCommitError) throw error;
      const stored = this.#stored;
      this.#stored = undefined;
      if (stored === undefined || !(error instanceof CommitUnknownError) || call.joins) throw error;
      const { isOther, ...found } = await this.#findLost(error);
      this.#stored = found;
      return { value: call.read(found.answer), isReplayed: isOther };
    } finally {
      wait?.end();
    }
    if ('refusal' in ended) throw ended.refusal;
    return ended;
  }

  async #runInTransaction(wait: Wait | undefined): Promise<IdempotentAnswer<Value> | Refusal> {
    const call = this.#call;
    this.#stored = undefined;
    this.#hasBegun = false;
    wait?.begin();
    this.#claimedAt = systemClock.now();
    const row = await claimKey(call, this.#claimant);
    wait?.end();
    if (row.claimant !== this.#claimant) return this.#replay(row);
    this.#hasBegun = true;
    noteHeld(call.db, call.id);
    const { value, answer } = await call.handle();
    const size = Buffer.byteLength(answer);
    if (size > call.maxAnswerBytes) {
      throw noAnswer(`The answer of "${call.scope}" has ${size} bytes, more than the ${call.maxAnswerBytes} allowed`);
    }
    await storeAnswer(call, this.#claimant, answer);
    this.#stored = { fingerprint: call.fingerprint, answer };
    return { value, isReplayed: false };
  }

  #replay({ fingerprint, answer }: KeyRow): IdempotentAnswer<Value> | Refusal {
    const call = this.#call;
    // Only its own transaction sees one that has not ended.
    if (answer === null) return { refusal: inProgressHere(call.scope, placeOf(call)) };
    this.#stored = { fingerprint, answer };
    if (fingerprint !== call.fingerprint) return { refusal: conflict(call.scope, placeOf(call)) };
    return { value: call.read(answer), isReplayed: true };
  }

  /**
   * Looks for the key of a transaction whose COMMIT got no answer, on another connection: claiming the key waits until that
   * transaction has ended.
   * @throws ConnectionLostError that can be retried where it was rolled back; IdempotencyUnknownError where that was not found out;
   * what was lost, where the key has expired since
   */
  async #findLost(lost: CommitUnknownError): Promise<StoredAnswer & { readonly isOther: boolean }> {
    const { db, scope, fingerprint, ttl, timeout } = this.#call;
    const until = systemClock.now() + timeout;
    const claimant = randomUUID();
    for (;;) {
      try {
        const { answer, claimant: found } = await this.#look(
          claimant,
          Math.max(1, Math.ceil(until - systemClock.now())),
        );
        // Where this one was rolled back, another call may have taken effect in its place.
        if (answer !== null) return { fingerprint, answer, isOther: found !== this.#claimant };
        break;
      } catch (error) {
        if (error instanceof DeadlineExceededError || systemClock.now() + pause >= until)
          throw unknown(scope, placeOf(this.#call), lost);
      }
      await sleep(systemClock, pause);
    }
    // A key that has expired is missing whether it was committed or not.
    if (systemClock.now() - this.#claimedAt >= ttl) throw lost;
    throw new ConnectionLostError({
      what: `The connection was lost during the COMMIT of a call of "${scope}", and its key says that it was rolled back`,
      remedy: 'Make the call again with the same key',
      at: { clientName: db.clientName, level: db.level },
      cause: lost,
      retryable: true,
    });
  }

  /** Whatever is found, nothing is left of the claim. */
  async #look(claimant: string, timeout: number): Promise<KeyRow> {
    const call = this.#call;
    const over = new Error('what was claimed to look at it is given back');
    let row: KeyRow | undefined;
    const claim = async (): Promise<never> => {
      row = await claimKey(call, claimant);
      throw over;
    };
    try {
      return await call.db.transaction.begin(claim, { propagation: 'REQUIRES_NEW', timeout });
    } catch (error) {
      if (error !== over || row === undefined) throw error;
    }
    // Another call may have had its effects in between, for the same request.
    return row.claimant === claimant || row.fingerprint !== call.fingerprint ? { ...row, answer: null } : row;
  }
}

/** Ends a transaction that waits too long for the call which has its key; waiting for a connection does not count. */
class Wait {
  readonly #call: IdempotentCall<unknown>;
  readonly #controller = new AbortController();
  #cancelTimer: (() => void) | undefined;

  constructor(call: IdempotentCall<unknown>) {
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(): void {
    this.end();
    const { db, scope, timeout } = this.#call;
    const { active } = db.transaction;
    this.#cancelTimer = systemClock.setTimer(() => {
      if (active?.hasStarted === false) this.begin();
      else this.#controller.abort(inProgress(scope, timeout, placeOf(this.#call)));
    }, timeout);
  }

  end(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
