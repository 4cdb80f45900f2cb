import type { CancelTimer, Clock } from '../core/index.ts';

/** A connection as the pool sees it. `close` and `destroy` never reject. */
export interface PooledConnection {
  onDeath(callback: (error: unknown) => void): void;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** How connections are opened, and what is told about them. */
export interface PhysicalOptions<Connection extends PooledConnection> {
  readonly budget: number;
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly open: () => Promise<Connection>;
  /** An opened or returned connection that goes to whoever needs one first; `false`: nobody does. */
  readonly deliver: (connection: Connection) => boolean;
  readonly onOpenFailed: (error: unknown) => void;
  /** A connection is gone and another may be opened. */
  readonly onRoom: () => void;
  readonly onCount?: (change: 'open' | 'close', open: number) => void;
}

interface IdleConnection<Connection> {
  readonly connection: Connection;
  readonly since: number;
}

/**
 * The physical connections of one client: opening, idle, in use and closing together never pass the
 * budget. One that is being closed counts until it is gone, since the server still has it until then.
 */
export class PhysicalConnections<Connection extends PooledConnection> {
  readonly #options: PhysicalOptions<Connection>;
  /** The last returned is the first taken; the one idle longest is at the front. */
  readonly #idle: IdleConnection<Connection>[] = [];
  readonly #alive = new Set<Connection>();
  #opening = 0;
  #closing = 0;
  #ended = false;
  #cancelSweep: CancelTimer | undefined;

  constructor(options: PhysicalOptions<Connection>) {
    this.#options = options;
  }

  get idle(): number {
    return this.#idle.length;
  }
  get opening(): number {
    return this.#opening;
  }
  get closing(): number {
    return this.#closing;
  }
  /** Everything that the server may see. */
  get count(): number {
    return this.#alive.size + this.#opening + this.#closing;
  }

  takeIdle(): Connection | undefined {
    return this.#idle.pop()?.connection;
  }

  /** Opens one more if there is room; what it comes to is told through `deliver` and `onOpenFailed`. */
  openIfRoom(): boolean {
    if (this.count >= this.#options.budget) return false;
    this.#opening += 1;
    this.#options.open().then(
      (connection) => this.#onOpened(connection),
      (error: unknown) => {
        this.#opening -= 1;
        this.#options.onOpenFailed(error);
      },
    );
    return true;
  }

  /** Keeps a sound connection for the next one who asks. */
  putBack(connection: Connection): void {
    if (!this.#alive.has(connection) || this.#options.deliver(connection)) return;
    if (this.#ended) {
      this.#alive.delete(connection);
      void this.#finish(connection.close());
      return;
    }
    this.#idle.push({ connection, since: this.#options.clock.now() });
    if (this.#cancelSweep === undefined) this.#sweepAfter(this.#options.idleTimeout);
  }

  /** Ends a connection that nobody may use any more. */
  discard(connection: Connection): void {
    if (this.#alive.delete(connection)) void this.#finish(connection.destroy());
  }

  /** Ends all connections, in use or not; resolves when they are gone. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancelSweep?.();
    const goodbyes = this.#idle.splice(0).map(({ connection }) => {
      this.#alive.delete(connection);
      return this.#finish(connection.close());
    });
    const cuts = [...this.#alive].map((connection) => {
      this.#alive.delete(connection);
      return this.#finish(connection.destroy());
    });
    await Promise.all([...goodbyes, ...cuts]);
  }

  #onOpened(connection: Connection): void {
    this.#opening -= 1;
    this.#alive.add(connection);
    connection.onDeath(() => this.#onDeath(connection));
    this.#options.onCount?.('open', this.#alive.size);
    this.putBack(connection);
  }

  #onDeath(connection: Connection): void {
    const at = this.#idle.findIndex((entry) => entry.connection === connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (!this.#alive.delete(connection)) return;
    this.#options.onCount?.('close', this.#alive.size);
    this.#options.onRoom();
  }

  async #finish(gone: Promise<void>): Promise<void> {
    this.#closing += 1;
    this.#options.onCount?.('close', this.#alive.size);
    try {
      await gone;
    } finally {
      this.#closing -= 1;
      this.#options.onRoom();
    }
  }

  #sweepAfter(delay: number): void {
    this.#cancelSweep = this.#options.clock.setTimer(() => this.#sweep(), delay, true);
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const due = this.#options.clock.now() - this.#options.idleTimeout;
    while (this.#idle[0] !== undefined && this.#idle[0].since <= due) {
      const oldest = this.#idle.shift();
      if (oldest !== undefined && this.#alive.delete(oldest.connection)) void this.#finish(oldest.connection.close());
    }
    const next = this.#idle[0];
    if (next !== undefined) this.#sweepAfter(Math.max(1, next.since - due));
  }
}
