import { currentFrame } from '../context/index.ts';
import { type CancelTimer, systemClock } from '../core/index.ts';
import { SagaMismatchError, SagaStepError } from './errors.ts';
import type { LoadedRecords, RecordKind, SagaRecord } from './records.ts';
import type { ClaimedSaga } from './store.ts';

/** How long a body that is run again may take to ask for what is recorded, in milliseconds. */
const grace = 1_000;

/** How a body has ended, or was left. */
export type Played =
  | { readonly type: 'returned'; readonly result: unknown }
  | { readonly type: 'threw'; readonly error: unknown }
  /** All that it has asked for waits for a time or a signal; or, while it is compensated, was never done. */
  | { readonly type: 'waits'; readonly until: number | undefined; readonly names: readonly string[] }
  | { readonly type: 'left'; readonly reason: unknown };

/** A record, and the client that has it. */
export type PlacedRecord = SagaRecord & { readonly clientName: string };

/** What the records have under a name. */
type Recorded = Partial<Readonly<Record<RecordKind, PlacedRecord>>>;

/** A promise of what never comes: a body that is left is not run to its end. */
const never = new Promise<never>(() => {});

/**
 * Runs the body of a saga against what is recorded of it. It keeps count of what the body has asked for: of what has been
 * answered, what is being done, and what waits; and finds out when a body asks for something else than what is recorded.
 */
export class Replay {
  readonly #claim: ClaimedSaga;
  readonly #recorded = new Map<string, Recorded>();
  readonly #clients = new Set<string>();
  /** Recorded, and not asked for so far. */
  readonly #unasked = new Set<string>();
  readonly #asked = new Set<string>();
  /** By name: when it is due; nothing for what waits for a signal. */
  readonly #waiting = new Map<string, number | undefined>();
  readonly #busy = new Set<string>();
  readonly #gates = new Set<() => void>();
  readonly #end = Promise.withResolvers<Played>();
  readonly #abort = new AbortController();
  #place = 0;
  #state: 'running' | 'closing' | 'over' = 'running';
  #checks = 0;
  /** How the body has ended. */
  #closed: Played | undefined;
  #cancelTimer: CancelTimer | undefined;
  readonly #patience: number;
  readonly #onIdle: () => void;
  #cancelIdle: CancelTimer | undefined;
  #isOpened = false;

  /**
   * @param patience how long a body may do what is not asked for here, in milliseconds
   * @param onIdle is called when that takes longer
   */
  constructor(claim: ClaimedSaga, patience: number, onIdle: () => void) {
    this.#claim = claim;
    this.#patience = patience;
    this.#onIdle = onIdle;
  }

  /** Aborts when the body is no longer run. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether only what is recorded is gone through, so that it can be undone. */
  get isCompensating(): boolean {
    return this.#claim.status === 'compensating';
  }

  /** Adds what a client has recorded. */
  add({ records }: LoadedRecords, clientName: string): void {
    for (const record of records) {
      const { step, kind, place, result } = record;
      this.#place = Math.max(this.#place, place + 1);
      if (kind === 'client') {
        this.#clients.add(result ?? '');
        continue;
      }
      this.#recorded.set(step, { ...this.#recorded.get(step), [kind]: { ...record, clientName } });
      if (!this.#asked.has(step)) this.#unasked.add(step);
    }
  }

  /** All that is recorded was added: from here on the body runs. */
  opened(): void {
    this.#isOpened = true;
    this.#check();
  }

  /** What is recorded under a name. */
  recorded(name: string): Recorded {
    return this.#recorded.get(name) ?? {};
  }

  /** The clients on which the saga has steps, but for its own. */
  get clients(): ReadonlySet<string> {
    return this.#clients;
  }

  nextPlace(): number {
    return this.#place++;
  }

  /** Runs the body until it has ended, or has nothing to do. */
  play(body: () => unknown): Promise<Played> {
    void Promise.resolve()
      .then(body)
      .then(
        (result) => this.#close({ type: 'returned', result }),
        (error: unknown) => this.#close({ type: 'threw', error }),
      );
    return this.#end.promise;
  }

  /** The body is run no further. */
  leave(reason: unknown): Promise<never> {
    this.#finish({ type: 'left', reason });
    return never;
  }

  /**
   * Answers what the body has asked for under a name, which it may use once.
   * @param isInStep whether it was asked from a step
   * @param kinds what it may be recorded as
   * @throws SagaStepError, for what a body may not do
   */
  async ask<Result>(
    name: string,
    isInStep: boolean,
    kinds: readonly RecordKind[],
    answer: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#state === 'over' && !this.#abort.signal.aborted) throw this.#misuse(name, 'after the saga has ended');
    if (this.#state === 'over') return await never;
    if (isInStep || currentFrame()?.innermost !== undefined)
      throw this.#misuse(name, 'inside of a step or a transaction');
    if (this.#asked.has(name)) throw this.#misuse(name, 'twice');
    this.#asked.add(name);
    const other = Object.keys(this.recorded(name)).find(
      (kind) => kind !== 'undo' && !kinds.includes(kind as RecordKind),
    );
    if (other !== undefined) return await this.mismatch(name);
    this.#unasked.delete(name);
    if (this.#unasked.size === 0) for (const open of this.#gates) open();
    this.#busy.add(name);
    this.#cancelIdle?.();
    try {
      return await answer();
    } finally {
      this.#busy.delete(name);
      this.#check();
    }
  }

  /** Something else is recorded than what the body asks for. */
  mismatch(name: string): Promise<never> {
    this.#unasked.add(name);
    return this.leave(this.#mismatch(name));
  }

  /**
   * Before something is done that is not recorded: what is recorded has to have been asked for. Never resolves where it is not
   * to be done.
   */
  async begin(name: string): Promise<void> {
    if (this.isCompensating || this.#state !== 'running') await this.wait(name, undefined);
    if (this.#unasked.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const open = (): void => {
      cancelTimer();
      this.#gates.delete(open);
      resolve();
    };
    const cancelTimer = systemClock.setTimer(() => void this.leave(this.#mismatch(name)), grace);
    this.#gates.add(open);
    await promise;
  }

  /** What was asked for is not there yet, and nothing is done for it. */
  wait(name: string, until: number | undefined): Promise<never> {
    this.#busy.delete(name);
    this.#waiting.set(name, until);
    this.#check();
    return never;
  }

  /** Looks, once the body has had its turn, whether it has anything to do. */
  #check(): void {
    const check = (this.#checks += 1);
    setImmediate(() => setImmediate(() => check === this.#checks && this.#settle()));
  }

  #settle(): void {
    if (this.#state === 'over' || this.#busy.size > 0) return;
    if (this.#state === 'running' && this.#waiting.size === 0) return this.#isOpened ? this.#watch() : undefined;
    if (this.#unasked.size > 0) {
      this.#cancelTimer ??= systemClock.setTimer(() => this.#tooLate(), grace);
      return;
    }
    if (this.#closed !== undefined) this.#finish(this.#closed);
    else {
      const times = [...this.#waiting.values()].filter((time) => time !== undefined);
      const until = times.length === 0 ? undefined : Math.min(...times);
      this.#finish({ type: 'waits', until, names: [...this.#waiting.keys()] });
    }
  }

  /** The body does something that was not asked for here, of which it is not known how long it takes. */
  #watch(): void {
    const isGoneThrough = this.isCompensating && this.#unasked.size === 0;
    this.#cancelIdle?.();
    this.#cancelIdle = systemClock.setTimer(() => this.#idle(), isGoneThrough ? grace : this.#patience, true);
  }

  #idle(): void {
    if (this.#state !== 'running' || this.#busy.size > 0 || this.#waiting.size > 0) return;
    if (!this.isCompensating) return this.#onIdle();
    // Once all that is recorded was asked for, all that can be undone is known.
    if (this.#unasked.size === 0) this.#finish({ type: 'waits', until: undefined, names: [] });
    else void this.leave(this.#mismatch(undefined));
  }

  #tooLate(): void {
    this.#cancelTimer = undefined;
    if (this.#unasked.size > 0 && this.#busy.size === 0) void this.leave(this.#mismatch(undefined));
    else this.#settle();
  }

  /** The body has ended. What it has left running in parallel is waited for, since it may be recorded. */
  #close(played: Played): void {
    if (this.#state !== 'running') return;
    this.#state = 'closing';
    const forgotten = [...this.#busy, ...this.#waiting.keys()];
    const isReturn = played.type === 'returned' && !this.isCompensating;
    this.#closed =
      isReturn && forgotten.length > 0
        ? { type: 'threw', error: this.#misuse(forgotten.join('", "'), 'without waiting for it') }
        : played;
    this.#check();
  }

  #finish(played: Played): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#cancelTimer?.();
    this.#cancelIdle?.();
    if (played.type === 'waits' || played.type === 'left') this.#abort.abort(new Error('the saga is left'));
    this.#end.resolve(played);
  }

  #misuse(name: string, how: string): SagaStepError {
    const { saga, id } = this.#claim;
    return new SagaStepError({
      what: `The saga "${saga}" asked for "${name}" ${how}`,
      remedy: 'Give each step a name of its own, await it, and call it from the body of its saga alone',
      saga,
      id,
    });
  }

  #mismatch(name: string | undefined): SagaMismatchError {
    const { saga, id, definition } = this.#claim;
    const [recorded] = this.#unasked;
    const asked =
      name === undefined ? 'did not ask for it' : `asked for "${name}"${name === recorded ? ' in another way' : ''}`;
    return new SagaMismatchError({
      what: `The saga "${definition}" has recorded "${recorded}", but its body ${asked}`,
      remedy: `Give the changed definition a new version, and the old one as "earlier"; then resume the saga`,
      saga,
      id,
    });
  }
}
