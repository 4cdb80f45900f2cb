import { types } from 'node:util';
import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import {
  InvalidOptionError,
  SluiceError,
  endsWithin,
  oneOf,
  runUnwatched,
  systemClock,
  text,
  type CancelTimer,
  typeName,
  withMethods,
} from '../core/index.ts';
import {
  type EngineJob,
  type JobAdministration,
  type JobOutcome,
  type JobReference,
  type JobState,
  type QueueEngine,
  type QueueEngineFactory,
  QueueUnavailableError,
} from './engine/index.ts';
import { type Destination, enqueue, unknownIfThere } from './enqueue.ts';
import { AdministrationUnsupportedError, JobsClosedError } from './errors.ts';
import { request } from './request.ts';
import { type WaitOptions, Waiting } from './waiting.ts';

/** How long the first who wants events waits until they come, in milliseconds; without them states are looked up. */
const listenPatience = 1_000;

export interface EngineRuntimeSettings {
  readonly engine: QueueEngineFactory;
  readonly processId: string;
  readonly maxLevel: number;
  readonly sql: Parameters<QueueEngineFactory>[0]['sql'];
  /** How long the engine may take to answer, in milliseconds. */
  readonly timeout: number;
  /** Outcomes of jobs that are known without the engine. */
  readonly findRecorded: (jobs: readonly JobReference[]) => Promise<ReadonlyMap<string, JobOutcome>>;
}

/**
 * An engine and its life. It is started when it is first needed, and again when that failed, in nothing that is ambient
 * there; what it is asked takes no longer than the limit.
 */
export class EngineRuntime {
  readonly engine: QueueEngine;
  readonly processId: string;
  readonly maxLevel: number;
  readonly #timeout: number;
  readonly #waiting: Waiting;
  readonly #destination: Destination;
  #starting: Promise<void> | undefined;
  #listening: Promise<void> | undefined;
  #isStarted = false;
  #isListening = false;
  #isClosed = false;

  constructor({ engine, processId, maxLevel, sql, timeout, findRecorded }: EngineRuntimeSettings) {
    this.processId = processId;
    this.maxLevel = maxLevel;
    this.#timeout = timeout;
    const made: unknown = engine({
      processId,
      maxLevel,
      sql,
      events: {
        onSettled: (id, outcome) => this.#waiting.settled(id, outcome),
        onProgress: (id, progress) => this.#waiting.progressed(id, progress),
        onReconnect: () => this.#waiting.reconnected(),
        onError: (what, error) => this.#report(what, error),
      },
    });
    const checked = checkedEngine(made);
    // The one of this process opens none.
    this.engine = checked.name === 'memory' ? checked : unwatched(checked);
    this.#waiting = new Waiting(this.engine, findRecorded);
    this.#destination = { engine: this.engine, ready: () => this.ready(), timeout };
  }

  /** @throws JobsClosedError */
  assertOpen(): void {
    if (!this.#isClosed) return;
    throw new JobsClosedError({
      what: 'The jobs of this process are closed',
      remedy: 'Use the jobs before close(), or call createJobs again',
    });
  }

  /** From now on nothing is pushed, asked or waited for. */
  refuse(): void {
    this.#isClosed = true;
  }

  /** Resolves when the engine has started. @throws QueueUnavailableError, and what its start throws; JobsClosedError */
  async ready(): Promise<void> {
    this.assertOpen();
    await this.started();
  }

  /** The same for what goes on while the jobs are being closed. */
  async started(): Promise<void> {
    if (this.#isStarted) return;
    const starting = (this.#starting ??= this.#start());
    await this.within(starting);
  }

  /** @throws QueueUnavailableError, EnqueueUnknownError; what the engine's server refuses the job with */
  async enqueue(job: EngineJob): Promise<void> {
    await enqueue(this.#destination, job);
  }

  /** Enqueues a job and waits for its answer. */
  async request(job: EngineJob, wait: WaitOptions): Promise<unknown> {
    return await request({ ...this.#destination, ready: () => this.#listen() }, this.#waiting, job, wait);
  }

  /** Where a job is. @throws QueueUnavailableError when the engine does not answer */
  async look(job: JobReference): Promise<JobState | undefined> {
    await this.ready();
    return statesOf(this.engine.name, await this.within(this.engine.look([job]))).get(job.id);
  }

  /**
   * Does something as an administrator.
   * @throws AdministrationUnsupportedError; QueueUnavailableError when the engine does not answer
   */
  async administer<Result>(work: (administration: JobAdministration) => Promise<Result>): Promise<Result> {
    const { administration, name } = this.engine;
    if (administration === undefined) {
      throw new AdministrationUnsupportedError({
        what: `The queue engine ${name} cannot list, retry or discard jobs`,
        remedy: 'Use its own tools, or give the engine an "administration": docs/extending.md says how',
      });
    }
    await this.ready();
    return await this.within(runUnwatched(() => work(administration)));
  }

  /** Waits for the answer to a job that was pushed. */
  async waitFor(job: JobReference, wait: WaitOptions): Promise<unknown> {
    const failed = new AbortController();
    const signal = wait.signal === undefined ? failed.signal : AbortSignal.any([wait.signal, failed.signal]);
    const ready = this.ready();
    // The wait begins at once: an engine that is away may take longer to start than there is time.
    const answer = this.#waiting.waitFor(job, { ...wait, signal });
    const begin = async (): Promise<void> => {
      await ready;
      // It may have ended before anybody listened.
      this.#waiting.lookNow();
      void this.#listen().catch(() => {});
    };
    begin().catch((error: unknown) => failed.abort(error));
    return await answer;
  }

  /** Adds a job once. @throws EnqueueUnknownError when it takes too long; what the engine throws */
  add(job: EngineJob): Promise<void> {
    return this.within(this.engine.add([job]), () => unknownIfThere(job, this.#timeout, undefined));
  }

  /** @throws QueueUnavailableError when it takes too long */
  within<Result>(
    work: Promise<Result>,
    late: () => Error = () => tooSlow(this.engine.name, this.#timeout),
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancelTimer = systemClock.setTimer(() => reject(late()), this.#timeout);
      work.then(resolve, reject).finally(cancelTimer);
    });
  }

  /** Waits for the engine as long as it takes, and reports that it takes too long. */
  async reportIfSlow<Result>(what: string, work: Promise<Result>): Promise<Result> {
    const report = (): void => this.#report(what, tooSlow(this.engine.name, this.#timeout));
    const cancelTimer = systemClock.setTimer(report, this.#timeout, true);
    try {
      return await work;
    } finally {
      cancelTimer();
    }
  }

  /** Ends the waits and disconnects the engine, if it was ever used. @param grace how long that may take, in milliseconds */
  async close(grace: number): Promise<void> {
    this.#waiting.close();
    if (this.#isStarted || this.#starting !== undefined) await endsWithin(systemClock, this.engine.close(), grace);
  }

  /** Has the engine report the ends of jobs, and waits a little until it does. */
  async #listen(): Promise<void> {
    this.assertOpen();
    if (this.#isListening) return;
    await this.started();
    this.#listening ??= this.#startListening();
    let cancelTimer: CancelTimer | undefined;
    const patience = new Promise<void>((resolve) => {
      cancelTimer = systemClock.setTimer(resolve, listenPatience);
    });
    await Promise.race([this.#listening, patience]);
    cancelTimer?.();
  }

  async #start(): Promise<void> {
    try {
      await runInFrame(undefined, () => this.engine.start(), undefined);
      this.#isStarted = true;
    } catch (cause) {
      // The next one who needs it tries again.
      this.#starting = undefined;
      if (cause instanceof SluiceError) throw cause;
      throw new QueueUnavailableError({
        what: `The queue engine ${this.engine.name} could not be reached`,
        remedy: 'See the cause: check that its server runs and accepts this user',
        cause,
      });
    }
  }

  async #startListening(): Promise<void> {
    try {
      await runInFrame(undefined, () => this.engine.listen(), undefined);
      this.#isListening = true;
    } catch (error) {
      // Without events the states are still looked up.
      this.#listening = undefined;
      this.#report('listening', error);
    }
  }

  /** What fails because of the closing is no concern. */
  #report(what: string, error: unknown): void {
    if (!this.#isClosed) reportBackgroundError({ source: `queue engine ${this.engine.name}: ${what}`, error });
  }
}

const anEngine = withMethods(
  'start',
  'now',
  'add',
  'mayHaveAdded',
  'announce',
  'listen',
  'look',
  'watchArrivals',
  'openLane',
  'obliterate',
  'close',
);
const anAdministration = withMethods('counts', 'list', 'find', 'retry', 'discard');
const aName = text(100);
const aWay = oneOf(['transaction', 'hook', 'outbox']);

/** @throws InvalidOptionError for what the port of engines does not allow */
function checkedEngine(made: unknown): QueueEngine {
  const { name, capabilities, administration } = (made ?? {}) as { readonly [Name in keyof QueueEngine]?: unknown };
  const way: unknown = (capabilities as Partial<QueueEngine['capabilities']> | null | undefined)?.enqueue;
  const expected =
    anEngine(made) ??
    (aName(name) === undefined ? undefined : `an engine with a "name": ${aName(name)}`) ??
    (aWay(way) === undefined ? undefined : `an engine with "capabilities" whose "enqueue" is ${aWay(way)}`) ??
    (administration === undefined || anAdministration(administration) === undefined
      ? undefined
      : `an engine with an "administration": ${anAdministration(administration)}`);
  if (expected === undefined) return made as QueueEngine;
  throw new InvalidOptionError({
    what: `createJobs got an "engine" that makes ${typeName(made)}, which is no whole queue engine`,
    remedy: `Make ${expected}`,
  });
}

/** Its connections are those of Sluice, also where it opens them when it is called: none of them is a foreign wait of the caller's. */
function unwatched(engine: QueueEngine): QueueEngine {
  return new Proxy(engine, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => runUnwatched((): unknown => Reflect.apply(value, target, given));
    },
  });
}

/** The states that an engine gives. @throws QueueUnavailableError for what is none */
function statesOf(engine: string, states: ReadonlyMap<string, JobState>): ReadonlyMap<string, JobState> {
  if (types.isMap(states)) return states;
  throw new QueueUnavailableError({
    what: `The queue engine ${engine} answered look() with ${typeName(states)}`,
    remedy: 'look() has to resolve with a Map of states by the ids of jobs',
    retryable: false,
  });
}

function tooSlow(engine: string, timeout: number): QueueUnavailableError {
  return new QueueUnavailableError({
    what: `The queue engine ${engine} did not answer within ${timeout} ms`,
    remedy: 'Check that its server runs and is reachable, or raise enqueueTimeout',
  });
}
