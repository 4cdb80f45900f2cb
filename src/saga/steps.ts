import { AsyncLocalStorage } from 'node:async_hooks';
import { reportBackgroundError } from '../channels/index.ts';
import { isInstance, onOwnAbort, sleep, systemClock } from '../core/index.ts';
import type { Db } from '../database/index.ts';
import { underWay } from '../tables/index.ts';
import { AfterCommitError } from '../transaction/index.ts';
import { describeFailure, isPassing, recordedFailure, stepFailed } from './failure.ts';
import { FencedOff, type SagaRecord, type SagaRecords } from './records.ts';
import type { Replay } from './replay.ts';
import type { StepInfo, StepOptions } from './saga.ts';
import { type ClaimedSaga, storedResult } from './store.ts';

/** The longest pause between two attempts, in milliseconds. */
const longestPause = 60_000;

const inStep = new AsyncLocalStorage<boolean>();

/** Whether this runs in a step of some saga. */
export function isInStep(): boolean {
  return inStep.getStore() === true;
}

/** Runs what begins in a step perhaps, and is no part of it. */
export function runOutsideOfSteps<Result>(body: () => Result): Result {
  return inStep.run(false, body);
}

/** A client on which a saga has steps. */
export interface StepClient {
  readonly db: Db;
  readonly records: SagaRecords;
}

/** Names a step of a saga in the world. */
export function stepKey({ saga, id }: ClaimedSaga, name: string): string {
  return `${saga}:${id}:${name}`;
}

/**
 * Waits for a transaction with a record. What goes wrong behind its COMMIT, such as a hook that throws, is reported: the effects
 * and the record are there.
 */
export async function committed(transaction: Promise<unknown>, saga: string): Promise<void> {
  try {
    await transaction;
  } catch (error) {
    if (!isInstance(error, AfterCommitError)) throw error;
    reportBackgroundError({ source: `saga ${saga}`, error });
  }
}

/** A step to be run. */
export interface StepToRun {
  readonly name: string;
  readonly place: number;
  readonly options: StepOptions;
  readonly body: (step: StepInfo) => unknown;
}

/** Runs the steps of a saga that are not recorded. */
export class Steps {
  readonly #claim: ClaimedSaga;
  readonly #replay: Replay;
  readonly #now: () => number;
  readonly #maxPayload: number;

  /** @param now the time of the server */
  constructor(claim: ClaimedSaga, replay: Replay, now: () => number, maxPayload: number) {
    this.#claim = claim;
    this.#replay = replay;
    this.#now = now;
    this.#maxPayload = maxPayload;
  }

  /**
   * Runs a step until it has succeeded or failed for good, and records which.
   * @returns the record of its success
   * @throws SagaStepFailedError
   */
  async run(step: StepToRun, client: StepClient): Promise<SagaRecord> {
    const { attempts = 1, retryDelay = 1_000 } = step.options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(step, client);
      } catch (error) {
        if (isInstance(error, FencedOff) || this.#replay.signal.aborted || isPassing(error)) {
          return await this.#replay.leave(error);
        }
        if (attempt >= attempts) return await this.#failed(step, client, error);
        await this.#pause(Math.min(retryDelay * 2 ** (attempt - 1), longestPause));
      }
    }
  }

  /** Records something that is no step, by itself. */
  async note(client: StepClient, record: Omit<SagaRecord, 'at'>): Promise<SagaRecord> {
    const whole = { ...record, at: this.#now() };
    try {
      await client.records.writeAlone(whole);
      return whole;
    } catch (error) {
      return await this.#replay.leave(error);
    }
  }

  async #pause(time: number): Promise<void> {
    try {
      await sleep(systemClock, time, this.#replay.signal);
    } catch (error) {
      await this.#replay.leave(error);
    }
  }

  async #failed({ name, place }: StepToRun, client: StepClient, error: unknown): Promise<never> {
    const failure = describeFailure(error);
    await this.note(client, { step: name, kind: 'step', place, result: null, failure });
    throw stepFailed(this.#claim, name, recordedFailure(error), error);
  }

  async #attempt(step: StepToRun, client: StepClient): Promise<SagaRecord> {
    const { timeout, transactional = true } = step.options;
    const stop = new AbortController();
    const unfollow = onOwnAbort(this.#replay.signal, () => stop.abort(this.#replay.signal.reason));
    try {
      if (transactional) return await this.#inTransaction(step, client, stop);
      // Until its record is written, or it would be run again.
      return await underWay(
        client.db,
        () => this.#alone(step, client, stop, timeout),
        (reason) => stop.abort(reason),
      );
    } finally {
      unfollow();
    }
  }

  async #inTransaction(step: StepToRun, { db, records }: StepClient, stop: AbortController): Promise<SagaRecord> {
    const { isolationLevel, timeout, retry = { attempts: 5 } } = step.options;
    let written: SagaRecord | undefined;
    const transaction = db.transaction.begin(
      async () => {
        written = this.#recordOf(step, await this.#call(step, stop.signal));
        await records.write(written);
      },
      {
        name: `saga ${this.#claim.saga}: ${step.name}`.slice(0, 200),
        isolationLevel,
        timeout,
        retry,
        signal: stop.signal,
      },
    );
    await committed(transaction, this.#claim.saga);
    return written ?? this.#recordOf(step, undefined);
  }

  async #alone(
    step: StepToRun,
    { records }: StepClient,
    stop: AbortController,
    timeout: number | undefined,
  ): Promise<SagaRecord> {
    const cancelTimer =
      timeout === undefined
        ? undefined
        : systemClock.setTimer(() => stop.abort(new Error(`the step took longer than ${timeout} ms`)), timeout);
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const unfollow = onOwnAbort(stop.signal, () => reject(stop.signal.reason as Error));
    try {
      const written = this.#recordOf(step, await Promise.race([stopped, this.#call(step, stop.signal)]));
      await records.writeAlone(written);
      return written;
    } finally {
      cancelTimer?.();
      unfollow();
    }
  }

  async #call({ name, body }: StepToRun, signal: AbortSignal): Promise<unknown> {
    return await inStep.run(true, async () => await body({ key: stepKey(this.#claim, name), signal }));
  }

  #recordOf({ name, place }: StepToRun, result: unknown): SagaRecord {
    const json = storedResult(`The result of the step "${name}"`, result, this.#maxPayload);
    return { step: name, kind: 'step', place, result: json, failure: null, at: this.#now() };
  }
}
