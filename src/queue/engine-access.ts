import { runInFrame } from '../context/index.ts';
import { type CancelTimer, SluiceError, systemClock } from '../core/index.ts';
import type { QueueEngine } from './engine.ts';
import { QueueUnavailableError } from './errors.ts';

/** How long the first who wants events waits until they come, in milliseconds; without them states are looked up. */
const listenPatience = 1_000;

/** Starts an engine when it is first needed, and again when that failed; in nothing that is ambient there. */
export class EngineAccess {
  readonly #engine: QueueEngine;
  readonly #timeout: number;
  readonly #report: (what: string, error: unknown) => void;
  #starting: Promise<void> | undefined;
  #listening: Promise<void> | undefined;
  #isStarted = false;
  #isListening = false;

  /** @param timeout how long anything may take, in milliseconds */
  constructor(engine: QueueEngine, timeout: number, report: (what: string, error: unknown) => void) {
    this.#engine = engine;
    this.#timeout = timeout;
    this.#report = report;
  }

  /** Whether there is anything to close. */
  get wasUsed(): boolean {
    return this.#isStarted || this.#starting !== undefined;
  }

  /** @throws QueueUnavailableError; what the engine refuses to start with */
  async started(): Promise<void> {
    if (this.#isStarted) return;
    const starting = (this.#starting ??= this.#start());
    await this.within(starting);
  }

  /** Lets the engine tell of the ends of jobs, and waits a little until it does. @throws what `started` throws */
  async listening(): Promise<void> {
    if (this.#isListening) return;
    await this.started();
    this.#listening ??= this.#listen();
    let cancelTimer: CancelTimer | undefined;
    const patience = new Promise<void>((resolve) => {
      cancelTimer = systemClock.setTimer(resolve, listenPatience);
    });
    await Promise.race([this.#listening, patience]);
    cancelTimer?.();
  }

  /** @throws QueueUnavailableError when it takes too long */
  within<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancelTimer = systemClock.setTimer(() => reject(tooSlow(this.#engine.name, this.#timeout)), this.#timeout);
      work.then(resolve, reject).finally(cancelTimer);
    });
  }

  async #start(): Promise<void> {
    try {
      await runInFrame(undefined, () => this.#engine.start(), undefined);
      this.#isStarted = true;
    } catch (cause) {
      // The next one who needs it tries again.
      this.#starting = undefined;
      if (cause instanceof SluiceError) throw cause;
      throw new QueueUnavailableError({
        what: `The queue engine ${this.#engine.name} could not be reached`,
        remedy: 'See the cause: check that its server runs and accepts this user',
        cause,
      });
    }
  }

  async #listen(): Promise<void> {
    try {
      await runInFrame(undefined, () => this.#engine.listen(), undefined);
      this.#isListening = true;
    } catch (error) {
      // Without events the states are still looked up.
      this.#listening = undefined;
      this.#report('listening', error);
    }
  }
}

function tooSlow(engine: string, timeout: number): QueueUnavailableError {
  return new QueueUnavailableError({
    what: `The queue engine ${engine} did not answer within ${timeout} ms`,
    remedy: 'See that its server runs and is reached, or raise enqueueTimeout',
  });
}
