import { reportBackgroundError } from '../channels/index.ts';
import { runInFrame } from '../context/index.ts';
import { InvalidOptionError, longestTimer, SluiceError, systemClock } from '../core/index.ts';
import { assertOpen, type Database, internalsOf } from '../database/index.ts';

/** What polls a table, and how often. */
export interface PollingOptions {
  /** Names it where a turn fails. */
  readonly source: string;
  /** What is thrown by a start after the stop. Default: nothing is, and nothing starts. */
  readonly afterStop?: () => Error;
  /** Takes what is due. @returns whether more may be */
  readonly turn: () => Promise<boolean>;
  /** Whether it can take more now. Default: always. */
  readonly hasRoom?: () => boolean;
  /** The pause where nothing is due, in milliseconds. */
  readonly pollInterval: number;
  /** The pause after the first failure in milliseconds, doubled each time. */
  readonly retryDelay: number;
  /** The longest pause after failures, in milliseconds. */
  readonly longestPause: number;
  /** Whether a turn that was asked for by `poke()` is still taken after `stop()`. Default false. */
  readonly endsPoked?: boolean;
}

/** Looks again and again for what is due: at once while there is more, when it is poked, and else at intervals. */
export class Polling {
  readonly #database: Database;
  readonly #options: PollingOptions;
  #state: 'idle' | 'running' | 'stopped' = 'idle';
  #isPoked = false;
  #mayBeMore = false;
  #failures = 0;
  #wake: (() => void) | undefined;
  #letGo: (() => void) | undefined;
  #isDatabaseClosed = false;
  #loop: Promise<void> = Promise.resolve();

  /** @param database the one whose table it is: the process goes on while it polls, until this is closed */
  constructor(database: Database, options: PollingOptions) {
    this.#database = database;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Whether nothing is begun any longer: it was stopped, or its database is being closed. */
  get isOver(): boolean {
    return this.isStopped || this.#isDatabaseClosed;
  }

  /**
   * Does nothing where it has begun.
   * @throws what `afterStop` gives, where it is stopped; DatabaseClosedError
   */
  start(): void {
    const { afterStop } = this.#options;
    if (this.isStopped && afterStop !== undefined) throw afterStop();
    if (this.#state !== 'idle') return;
    assertOpen(this.#database);
    this.#state = 'running';
    this.#letGo = keepProcess(this.#database, () => {
      this.#isDatabaseClosed = true;
      this.#wake?.();
    });
    // What is ambient where it happens to be started has nothing to do with what it takes.
    this.#loop = runInFrame(undefined, () => this.#run(), undefined);
  }

  /** Something may be due. After a failure it waits all the same. */
  poke(): void {
    this.#isPoked = true;
    if (this.#failures === 0) this.#wake?.();
  }

  /** There is room again, for what was left. */
  makeRoom(): void {
    if (this.#failures === 0 && (this.#mayBeMore || this.#isPoked)) this.#wake?.();
  }

  /** Takes no more. @returns resolves when the turn that is under way has ended */
  stop(): Promise<void> {
    this.#state = 'stopped';
    this.#letGo?.();
    this.#wake?.();
    return this.#loop;
  }

  async #run(): Promise<void> {
    const { turn, source, endsPoked = false } = this.#options;
    // What is under way when the database is closed may end; more is left to other processes.
    while (!this.#isDatabaseClosed && (this.isRunning || (endsPoked && this.#isPoked && this.#failures === 0))) {
      this.#isPoked = false;
      try {
        this.#mayBeMore = await turn();
        this.#failures = 0;
      } catch (error) {
        // Nothing will come of it any longer.
        if (this.#isDatabaseClosed && SluiceError.find(error)?.code === 'DATABASE_CLOSED') return;
        this.#failures += 1;
        reportBackgroundError({ source, error });
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const { pollInterval, retryDelay, longestPause, hasRoom } = this.#options;
    const failed = this.#failures > 0;
    const isWanted = this.#isPoked || this.#mayBeMore;
    if (!this.isRunning || this.#isDatabaseClosed || (!failed && isWanted && (hasRoom?.() ?? true)))
      return Promise.resolve();
    const delay = failed ? Math.min(retryDelay * 2 ** (this.#failures - 1), longestPause) : pollInterval;
    return new Promise((resolve) => {
      const done = (): void => {
        cancelTimer();
        this.#wake = undefined;
        resolve();
      };
      const cancelTimer = systemClock.setTimer(done, delay, true);
      this.#wake = done;
    });
  }
}

/**
 * Keeps the process until the database is closed: an engine without sockets has nothing else that does, and sockets are closed
 * where they are idle.
 * @returns lets it go
 */
function keepProcess(database: Database, closed: () => void): () => void {
  const timer = setInterval(() => {}, longestTimer);
  const forget = internalsOf(database).onClose(() => {
    clearInterval(timer);
    closed();
  });
  return () => {
    forget();
    clearInterval(timer);
  };
}

/** For a call on what was stopped: it may have given up what it was doing, and is not begun again. */
export function calledAfterStop(call: string, maker: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `${call} was called after stop(), which is for good; nothing was started`,
    remedy: `Make another one with ${maker}, which takes what is left to do, and start that`,
  });
}
