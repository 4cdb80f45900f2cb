import type { AsJson } from '../payload/index.ts';
import type { IsolationLevelName, RetryOptions } from '../transaction/index.ts';

declare const types: unique symbol;

/** A saga by name, with the types of its input and its result. */
export interface SagaDefinition<Input = unknown, Result = unknown> {
  /** The name, the same in every process. */
  readonly name: string;
  /** Its version. */
  readonly version: number;
  /** Only for the compiler. */
  readonly [types]?: (input: Input) => Result;
}

/** What undoes a step. */
export interface Compensation<Result> {
  /**
   * Undoes the step whose result it is given (as JSON has it), in a transaction on the step's client. It runs again and again
   * until it succeeds, and takes effect once.
   */
  readonly compensate?: ((result: Result) => unknown) | undefined;
}

/** Options of a step. */
export interface StepOptions {
  /** The client on which the step's transaction runs, and on which it is recorded. Default: that of the sagas. */
  readonly clientName?: string | undefined;
  /**
   * Whether the step runs in a transaction. Default true. Without one, for calls of other services, it may run again after a
   * crash: give them the key of the step.
   */
  readonly transactional?: boolean | undefined;
  /** The isolation level of its transaction. Default: that of the client. */
  readonly isolationLevel?: IsolationLevelName | undefined;
  /** The longest that one attempt may take, in milliseconds. Default: no limit. */
  readonly timeout?: number | undefined;
  /** How its transaction is repeated after a serialization failure or a deadlock. Default: 5 attempts. */
  readonly retry?: RetryOptions | undefined;
  /** How often it may fail before it has failed for good, the first run included. Default 1. */
  readonly attempts?: number | undefined;
  /** The pause before the next attempt in milliseconds, doubled each time up to a minute. Default 1,000. */
  readonly retryDelay?: number | undefined;
}

/** What a step is told. */
export interface StepInfo {
  /** Names the step of this saga in the world, the same in each attempt: an idempotency key for other services. */
  readonly key: string;
  /** Aborts when the saga is no longer driven by this process, and when the step's `timeout` is over. */
  readonly signal: AbortSignal;
}

/** A length of time: milliseconds, or text such as `'90 seconds'`, `'2 days'`. */
export type Duration = number | `${number} ${'second' | 'minute' | 'hour' | 'day'}${'' | 's'}`;

/** Options of `waitFor`. */
export interface WaitForOptions {
  /** How long the signal is waited for: milliseconds, or text such as `'2 days'`. Default: for ever. */
  readonly timeout?: Duration | undefined;
}

/** What the body of a saga is given. What it does between its calls must be deterministic: it is run again after a crash, and whenever it has slept. */
export interface Saga {
  /** The id of this saga. */
  readonly id: string;
  /** The name of its definition. */
  readonly name: string;
  /**
   * Runs a step in a transaction, and records its result in that transaction, so that its effects and the knowledge of them
   * are one. A step that is recorded is not run again: its result is given, as JSON has it.
   *
   * @param name unique in the saga: in loops with a number
   * @throws SagaStepFailedError when it has failed for good; SagaStepError for a name that was used
   */
  step<Result>(
    name: string,
    body: (step: StepInfo) => Result,
    undo?: Compensation<AsJson<Awaited<Result>>>,
  ): Promise<AsJson<Awaited<Result>>>;
  /** The same with options. */
  step<Result>(
    name: string,
    options: StepOptions,
    body: (step: StepInfo) => Result,
    undo?: Compensation<AsJson<Awaited<Result>>>,
  ): Promise<AsJson<Awaited<Result>>>;
  /**
   * Waits for a signal that `signal(id, name, data)` gives, without a timer or a connection, and returns its data as JSON has it.
   * One that came before is taken at once.
   * @throws SagaTimeoutError when it has not come in time
   */
  waitFor<Data = unknown>(name: string, options?: WaitForOptions): Promise<AsJson<Data>>;
  /** Sleeps, without a timer or a connection, however long. */
  sleep(name: string, duration: Duration): Promise<void>;
  /**
   * Runs another saga as a step, under the id `<id>/<name>`, and waits for its end. When this saga is compensated, it is cancelled
   * if it has not ended; what undoes one that has is up to `compensate`.
   * @throws SagaStepFailedError when it has failed, or was cancelled
   */
  child<Input, Result>(
    name: string,
    definition: SagaDefinition<Input, Result>,
    input: Input,
    undo?: Compensation<Result>,
  ): Promise<Result>;
  /** The key of a step, for other services; see `StepInfo`. */
  stepKey(name: string): string;
  /** The time, the same when the body is run again: that at which the last step ended. */
  now(): Date;
  /** A number from 0 to 1, the same when the body is run again. Inside of parallel branches take it from a step. */
  random(): number;
  /** A UUID, the same when the body is run again. Inside of parallel branches take it from a step. */
  uuid(): string;
}
