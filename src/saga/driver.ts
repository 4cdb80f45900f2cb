import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import { endsWithin, isInstance, systemClock } from '../core/index.ts';
import type { Database } from '../database/index.ts';
import { Polling, takenUnderWay } from '../tables/index.ts';
import type { SagaBody } from './definition.ts';
import { compensate } from './compensate.ts';
import { SagaMismatchError } from './errors.ts';
import { describeFailure, isClosed } from './failure.ts';
import { FencedOff, type LoadedRecords } from './records.ts';
import { type RunSurroundings, SagaRun } from './run.ts';
import { runOutsideOfSteps } from './steps.ts';
import { type ClaimedSaga, type SagaState, type SagaStore, storedResult, type StoredStatus } from './store.ts';

/** How a driver works. */
export interface DriverSettings {
  /** How many sagas this process drives at once. */
  readonly concurrency: number;
  /** How often it looks for those that are due, in milliseconds. */
  readonly pollInterval: number;
  /** How long a saga belongs to a process that does not answer, in milliseconds. */
  readonly lease: number;
  /** How often a compensation may fail. */
  readonly attempts: number;
  /** The pause after the first failure in milliseconds, doubled each time up to a minute. */
  readonly retryDelay: number;
}

/** The longest pause after a failure, in milliseconds. */
const longestPause = 60_000;
/** The longest pause where sagas cannot be claimed, in milliseconds. */
const longestWait = 5_000;
/** The most sagas that are claimed at once. */
const mostAtOnce = 100;
/** How long what is stopped may take to be given back, in milliseconds. */
const stopGrace = 1_000;

/** Says that a process stops. */
class Stopping extends Error {
  override readonly name = 'Stopping';
}

/** A saga that is driven here. */
interface Active {
  readonly claim: ClaimedSaga;
  readonly run: SagaRun;
  /** Aborts when what has not ended is given back. */
  readonly stop: AbortController;
}

/** What a driver is made of. */
export interface DriverParts {
  readonly database: Database;
  readonly store: SagaStore;
  readonly bodies: ReadonlyMap<string, SagaBody>;
  readonly settings: DriverSettings;
  readonly surroundings: RunSurroundings;
  /** Is called for each saga that has ended, or is stuck. */
  readonly onEnd: (state: SagaState, error: unknown) => void;
}

/** Drives sagas: takes those that are due, runs them against their records, and stores what becomes of them. */
export class SagaDriver {
  readonly #parts: DriverParts;
  readonly #active = new Set<Active>();
  readonly #running = new Set<Promise<void>>();
  readonly #polling: Polling;
  #isBeating = false;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    const { pollInterval } = parts.settings;
    this.#polling = new Polling(parts.database, {
      source: 'sagas',
      turn: () => this.#turn(),
      hasRoom: () => this.hasRoom,
      pollInterval,
      retryDelay: pollInterval,
      longestPause: longestWait,
    });
  }

  get isStopped(): boolean {
    return this.#polling.isStopped;
  }

  /** Whether this process can drive one more. */
  get hasRoom(): boolean {
    return this.#polling.isRunning && this.#active.size < this.#parts.settings.concurrency;
  }

  start(): void {
    this.#polling.start();
  }

  /** Looks at once for what is due. */
  poke(): void {
    this.#polling.poke();
  }

  /** Takes no more sagas, and gives those back that have not ended in time. */
  async stop(timeout: number): Promise<void> {
    await endsWithin(systemClock, this.#polling.stop(), timeout);
    if (await endsWithin(systemClock, Promise.allSettled(this.#running), timeout)) return;
    for (const active of this.#active) giveBack(active, 'the process stops');
    await endsWithin(systemClock, Promise.allSettled(this.#running), stopGrace);
  }

  /** Drives a saga that belongs to this process. @param loaded what is known of its records on its own client */
  drive(claim: ClaimedSaga, loaded?: LoadedRecords): void {
    const run = new SagaRun(claim, this.#parts.surroundings);
    const active = { claim, run, stop: new AbortController() };
    this.#active.add(active);
    this.#beat();
    const end = (): void => giveBack(active, 'the database closes');
    const running = runOutsideOfSteps(() =>
      takenUnderWay(this.#parts.store.db, () => this.#drive(active, loaded), end),
    );
    this.#running.add(running);
    void running.then(() => {
      this.#running.delete(running);
      this.#active.delete(active);
      this.poke();
    });
  }

  /** @returns whether more may be due */
  async #turn(): Promise<boolean> {
    const { settings, store, bodies } = this.#parts;
    if (bodies.size === 0) return false;
    const room = Math.min(settings.concurrency - this.#active.size, mostAtOnce);
    const claims = room > 0 ? await store.claim([...bodies.keys()], room, settings.lease) : [];
    for (const claim of claims) this.drive(claim);
    return claims.length === room;
  }

  /** Keeps what is driven here, with one timer. */
  #beat(): void {
    const { lease } = this.#parts.settings;
    if (this.#isBeating) return;
    this.#isBeating = true;
    systemClock.setTimer(() => void this.#extend(), lease / 3, true);
  }

  async #extend(): Promise<void> {
    const { store, settings } = this.#parts;
    const active = [...this.#active];
    const claims = active.map(({ claim }) => claim);
    try {
      await runInFrame(
        undefined,
        async () => {
          if ((await store.extend(claims, settings.lease)) === claims.length) return;
          const owned = await store.owned(claims);
          for (const { claim, run } of active)
            if (!owned.has(claim)) void run.replay.leave(new FencedOff('another driver has the saga'));
        },
        undefined,
      );
    } catch (error) {
      reportBackgroundError({ source: 'sagas', error });
    } finally {
      this.#isBeating = false;
      if (this.#active.size > 0) this.#beat();
    }
  }

  async #drive(active: Active, loaded: LoadedRecords | undefined): Promise<void> {
    const { claim } = active;
    try {
      try {
        await this.#play(active, loaded);
      } catch (error) {
        await this.#left(claim, error);
      }
    } catch (error) {
      // Its lease runs out, and another process takes it.
      if (this.#polling.isOver && isClosed(error)) return;
      reportBackgroundError({ source: `saga ${claim.saga}`, error });
    }
  }

  async #play(active: Active, loaded: LoadedRecords | undefined): Promise<void> {
    const { claim, run } = active;
    const { store, bodies } = this.#parts;
    const body = bodies.get(claim.definition);
    if (body === undefined) return;
    const played = await run.play(body, loaded);
    if (played.type === 'left') return await this.#left(claim, played.reason);
    if (run.replay.isCompensating) return await this.#compensate(active, undefined);
    if (played.type === 'waits') {
      const wakeIn = played.until === undefined ? undefined : Math.max(0, played.until - run.now());
      const waitsFor = JSON.stringify({ names: played.names.slice(0, 20) });
      return await store.release(claim, { wakeIn, waitsFor, attempts: 0, stuck: null });
    }
    const ended = played.type === 'returned' ? this.#resultOf(claim, played.result) : played;
    if ('json' in ended) return await this.#end(claim, 'completed', ended.json, undefined);
    const failure = describeFailure(ended.error);
    if (!(await store.fail(claim, failure))) return;
    await this.#compensate({ ...active, claim: { ...claim, attempts: 0, failure } }, ended.error);
  }

  /** The result as it is stored; one that cannot be is a failure of the body. */
  #resultOf(claim: ClaimedSaga, result: unknown): { readonly json: string | null } | { readonly error: unknown } {
    try {
      const { maxPayload } = this.#parts.surroundings;
      return { json: storedResult(`The result of the saga "${claim.saga}"`, result, maxPayload) };
    } catch (error) {
      return { error };
    }
  }

  async #end(claim: ClaimedSaga, status: StoredStatus, result: string | null, error: unknown): Promise<void> {
    const { store, onEnd } = this.#parts;
    if (!(await store.end(claim, status, result))) return;
    onEnd({ saga: claim.saga, id: claim.id, status, result, failure: claim.failure, stuck: null }, error);
    if (claim.parent !== undefined) this.poke();
  }

  async #left(claim: ClaimedSaga, reason: unknown): Promise<void> {
    if (isInstance(reason, SagaMismatchError)) return await this.#stuck(claim, reason);
    const { store, settings } = this.#parts;
    const isStopping = isInstance(reason, Stopping) || (this.#polling.isOver && isClosed(reason));
    const attempts = isStopping ? claim.attempts : claim.attempts + 1;
    const wakeIn = isStopping ? 0 : pauseOf(settings.retryDelay, attempts);
    // One that another driver has, it keeps: the fence is no longer that of this claim.
    const isFenced = isInstance(reason, FencedOff);
    if (!isStopping && !isFenced) reportBackgroundError({ source: `saga ${claim.saga}`, error: reason });
    const waitsFor =
      isStopping || isFenced ? null : JSON.stringify({ error: JSON.parse(describeFailure(reason)) as object });
    await store.release(claim, { wakeIn, waitsFor, attempts, stuck: null });
  }

  async #stuck(claim: ClaimedSaga, error: unknown): Promise<void> {
    const { store, onEnd } = this.#parts;
    const stuck = describeFailure(error);
    reportBackgroundError({ source: `saga ${claim.saga}`, error });
    await store.release(claim, { wakeIn: undefined, waitsFor: null, attempts: claim.attempts, stuck });
    onEnd({ saga: claim.saga, id: claim.id, status: claim.status, result: null, failure: claim.failure, stuck }, error);
  }

  /** What runs in steps is undone first. @returns the steps of those that have not ended */
  async #cancelChildren(run: SagaRun): Promise<readonly string[]> {
    const { store } = this.#parts;
    const open: string[] = [];
    for (const [step, { definition, id }] of run.children) {
      const child = { saga: definition.name, id };
      const [state] = await store.states([child]);
      if (state === undefined || isEnded(state.status)) continue;
      if (state.status === 'running') await store.cancel(child.saga, id);
      open.push(step);
    }
    return open;
  }

  async #compensate({ claim, run, stop }: Active, error: unknown): Promise<void> {
    const { store, settings } = this.#parts;
    const open = await this.#cancelChildren(run);
    if (open.length > 0) {
      // The last of them wakes this one when it has ended.
      const waitsFor = JSON.stringify({ names: open.slice(0, 20) });
      return await store.release(claim, { wakeIn: undefined, waitsFor, attempts: claim.attempts, stuck: null });
    }
    const done = await compensate(claim, run.undos, stop.signal);
    if (done.type === 'fenced') return;
    if (done.type === 'done') return await this.#end(claim, claim.cancelled ? 'cancelled' : 'failed', null, error);
    if (stop.signal.aborted) return await this.#left(claim, stop.signal.reason);
    const attempts = (done.hasAdvanced ? 0 : claim.attempts) + (done.isPassing ? 0 : 1);
    if (attempts >= settings.attempts) return await this.#stuck({ ...claim, attempts }, done.error);
    reportBackgroundError({ source: `saga ${claim.saga}`, error: done.error });
    const waitsFor = JSON.stringify({ names: [done.step], error: JSON.parse(describeFailure(done.error)) as object });
    await store.release(claim, { wakeIn: pauseOf(settings.retryDelay, attempts), waitsFor, attempts, stuck: null });
  }
}

/** Ends what runs of a saga, with nothing of it recorded. */
function giveBack({ run, stop }: Active, why: string): void {
  const stopping = new Stopping(why);
  stop.abort(stopping);
  void run.replay.leave(stopping);
}

function pauseOf(delay: number, attempts: number): number {
  return Math.min(delay * 2 ** Math.max(0, Math.min(attempts, 20) - 1), longestPause);
}

function isEnded(status: StoredStatus): boolean {
  return status !== 'running' && status !== 'compensating';
}
