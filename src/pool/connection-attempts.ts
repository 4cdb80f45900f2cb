import type { CancelTimer, Clock } from '../core/index.ts';

export interface ConnectionAttemptsOptions<Connection> {
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of pauses. */
  readonly random: () => number;
  readonly open: () => Promise<Connection>;
  /** A pause is over. */
  readonly onReady: () => void;
}

/** What became of an attempt. */
export interface AttemptResult<Connection> {
  opened(connection: Connection): void;
  failed(error: unknown): void;
}

const firstPause = 20;
const longestPause = 500;

/**
 * The attempts to open connections. After one that failed there is a pause, which grows from attempt to attempt, and
 * then a single one; each that succeeds doubles how many there may be at once. So a server that gives no more
 * connections is not asked by everybody who waits.
 */
export class ConnectionAttempts<Connection> {
  readonly #options: ConnectionAttemptsOptions<Connection>;
  #underWay = 0;
  /** How many there may be at once. */
  #width = Number.POSITIVE_INFINITY;
  #pause = firstPause;
  #cancelPause: CancelTimer | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;
  #ended = false;

  constructor(options: ConnectionAttemptsOptions<Connection>) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Why the last attempt failed; nothing if that is longer ago than `age` milliseconds, or one has succeeded since. */
  failureWithin(age: number): unknown {
    const { clock } = this.#options;
    return this.#failure !== undefined && clock.now() - this.#failure.at <= age ? this.#failure.error : undefined;
  }

  /** Begins an attempt; `false`: not now. */
  begin(result: AttemptResult<Connection>): boolean {
    if (this.#cancelPause !== undefined || this.#underWay >= this.#width) return false;
    this.#underWay += 1;
    this.#options.open().then(
      (connection) => {
        this.#underWay -= 1;
        this.#succeeded();
        result.opened(connection);
      },
      (error: unknown) => {
        this.#underWay -= 1;
        this.#failure = { error, at: this.#options.clock.now() };
        result.failed(error);
      },
    );
    return true;
  }

  /** Lets a failed attempt be followed by another one after a pause. */
  tryLater(): void {
    if (this.#ended || this.#cancelPause !== undefined) return;
    const { clock, random, onReady } = this.#options;
    const delay = this.#pause * (0.5 + random() / 2);
    this.#width = 1;
    this.#pause = Math.min(this.#pause * 2, longestPause);
    this.#cancelPause = clock.setTimer(() => {
      this.#cancelPause = undefined;
      onReady();
    }, delay);
  }

  end(): void {
    this.#ended = true;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  #succeeded(): void {
    this.#failure = undefined;
    this.#width *= 2;
    this.#pause = firstPause;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }
}
