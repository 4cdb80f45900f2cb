import { type CancelTimer, type Clock, runUnwatched } from '../core/index.ts';
import { ConnectError } from '../driver/index.ts';
import { ConnectionAttempts } from './connection-attempts.ts';
import type { PoolSettings } from './settings.ts';

/** A connection as the pool sees it. `close` and `destroy` never reject. */
export interface PooledConnection {
  /** What must not be used again when it is given back: this connection, or all that are open by now. */
  readonly unfit?: 'connection' | 'server' | undefined;
  onDeath(callback: (error: unknown) => void): void;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** How connections are opened, and what is told about them. */
export interface PhysicalOptions<Connection extends PooledConnection> {
  readonly settings: PoolSettings;
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of pauses and lifetimes. */
  readonly random: () => number;
  readonly open: () => Promise<Connection>;
  /** Whether the server still answers on a connection; never rejects, and is soon known. */
  readonly isSound: (connection: Connection) => Promise<boolean>;
  /** Gives an opened or returned connection to the first request that needs one; `false`: there is none. */
  readonly deliver: (connection: Connection) => boolean;
  /** None could be opened, none is there, and another attempt would not help. */
  readonly onOpenFailed: (error: unknown) => void;
  /** A connection is gone and another may be opened. */
  readonly onRoom: () => void;
  readonly onCount?: (change: 'open' | 'close', open: number) => void;
}

interface IdleConnection<Connection> {
  readonly connection: Connection;
  readonly since: number;
  /** When its lifetime ends. */
  readonly until: number;
}

/** The part of `maxLifetime` that is left to chance, so that not all connections are renewed at once. */
const jitter = 0.1;

/**
 * The physical connections of one client: opening, idle, in use and closing together never pass the
 * budget. One that is being closed counts until it is gone, since the server still has it until then.
 */
export class PhysicalConnections<Connection extends PooledConnection> {
  readonly #options: PhysicalOptions<Connection>;
  readonly #attempts: ConnectionAttempts<Connection>;
  /** The last returned is the first taken; the one idle longest is at the front. */
  readonly #idle: IdleConnection<Connection>[] = [];
  /** When the lifetime of each connection ends. */
  readonly #alive = new Map<Connection, number>();
  #checking = 0;
  #closing = 0;
  #ended = false;
  #cancelSweep: CancelTimer | undefined;
  /** When the idle ones are looked at next. */
  #sweepsAt = Number.POSITIVE_INFINITY;

  constructor(options: PhysicalOptions<Connection>) {
    const { clock, random, open, onRoom } = options;
    this.#options = options;
    this.#attempts = new ConnectionAttempts({ clock, random, open, onReady: onRoom });
  }

  get idle(): number {
    return this.#idle.length;
  }
  /** Those that are open, idle or in use. */
  get connections(): Iterable<Connection> {
    return this.#alive.keys();
  }
  get opening(): number {
    return this.#attempts.underWay;
  }
  get closing(): number {
    return this.#closing;
  }
  /** Everything that the server may see. */
  get count(): number {
    return this.#alive.size + this.opening + this.#closing;
  }
  /** How many are on their way to a waiting request. */
  get coming(): number {
    return this.opening + this.#checking;
  }

  /** Why none could be opened lately. */
  get failure(): unknown {
    return this.#attempts.failureWithin(this.#options.settings.acquireTimeout);
  }

  /** An idle connection that was in use a moment ago. */
  takeIdle(): Connection | undefined {
    const newest = this.#idle.at(-1);
    if (newest === undefined) return undefined;
    const { validateAfter } = this.#options.settings;
    const now = this.#options.clock.now();
    if (newest.until <= now || (validateAfter > 0 && now - newest.since >= validateAfter)) return undefined;
    this.#idle.pop();
    return newest.connection;
  }

  /**
   * Brings one more to those who wait: one that idled for long, once it has answered, or a new one if there is room.
   * What it comes to is told through `deliver` and `onOpenFailed`.
   */
  bring(): boolean {
    const now = this.#options.clock.now();
    for (let newest = this.#idle.pop(); newest !== undefined; newest = this.#idle.pop()) {
      if (newest.until > now) {
        void this.#check(newest);
        return true;
      }
      this.#close(newest.connection);
    }
    if (this.count >= this.#options.settings.budget) return false;
    return this.#attempts.begin({
      opened: (connection) => this.#onOpened(connection),
      failed: (error) => this.#onFailed(error),
    });
  }

  /** Keeps a sound connection for the next one who asks, unless it has lived long enough. */
  putBack(connection: Connection): void {
    const until = this.#alive.get(connection);
    if (until === undefined) return;
    const now = this.#options.clock.now();
    if (this.#ended || until <= now) {
      this.#close(connection);
      return;
    }
    if (this.#options.deliver(connection)) return;
    this.#idle.push({ connection, since: now, until });
    this.#sweepBy(Math.min(now + this.#options.settings.idleTimeout, until), now);
  }

  /** Whether `putBack` would give it to the next one. */
  mayStay(connection: Connection): boolean {
    const until = this.#alive.get(connection);
    return until !== undefined && until > this.#options.clock.now() && connection.unfit === undefined;
  }

  /** Ends a connection that must not be used again. */
  discard(connection: Connection): void {
    if (this.#alive.delete(connection)) void this.#finish(() => connection.destroy());
  }

  /** Ends the lifetime of all connections: the idle ones are closed now, the others when they are given back. */
  renew(): void {
    for (const connection of this.#alive.keys()) this.#alive.set(connection, Number.NEGATIVE_INFINITY);
    for (const { connection } of this.#idle.splice(0)) this.#close(connection);
  }

  /** Ends all connections, in use or not; resolves when they are gone. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#attempts.end();
    this.#cancelSweep?.();
    const goodbyes = this.#idle.splice(0).map(({ connection }) => {
      this.#alive.delete(connection);
      return this.#finish(() => connection.close());
    });
    const cuts = [...this.#alive.keys()].map((connection) => {
      this.#alive.delete(connection);
      return this.#finish(() => connection.destroy());
    });
    await Promise.all([...goodbyes, ...cuts]);
  }

  #onOpened(connection: Connection): void {
    const { clock, random, settings, onCount, onRoom } = this.#options;
    const lifetime = settings.maxLifetime * (1 - jitter * random());
    this.#alive.set(connection, settings.maxLifetime === 0 ? Number.POSITIVE_INFINITY : clock.now() + lifetime);
    connection.onDeath(() => this.#onDeath(connection));
    onCount?.('open', this.#alive.size);
    this.putBack(connection);
    onRoom();
  }

  /** Where others serve, those who wait go on waiting for them. */
  #onFailed(error: unknown): void {
    const isTransient = error instanceof ConnectError && error.transient;
    if (isTransient || this.#alive.size > 0) this.#attempts.tryLater();
    else this.#options.onOpenFailed(error);
  }

  /** Asks the server on a connection that idled for long. Where it does not answer, those that idled longer are gone too. */
  async #check({ connection, since }: IdleConnection<Connection>): Promise<void> {
    this.#checking += 1;
    const isSound = await runUnwatched(() => this.#options.isSound(connection));
    this.#checking -= 1;
    if (isSound) this.putBack(connection);
    else {
      this.discard(connection);
      const older = this.#idle.filter((entry) => entry.since <= since);
      this.#idle.splice(0, older.length);
      for (const entry of older) this.discard(entry.connection);
    }
    this.#options.onRoom();
  }

  #onDeath(connection: Connection): void {
    const at = this.#idle.findIndex((entry) => entry.connection === connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (!this.#alive.delete(connection)) return;
    this.#options.onCount?.('close', this.#alive.size);
    this.#options.onRoom();
  }

  #close(connection: Connection): void {
    if (this.#alive.delete(connection)) void this.#finish(() => connection.close());
  }

  /** @param end is no call of who happens to be here */
  async #finish(end: () => Promise<void>): Promise<void> {
    const gone = runUnwatched(end);
    this.#closing += 1;
    this.#options.onCount?.('close', this.#alive.size);
    try {
      await gone;
    } finally {
      this.#closing -= 1;
      this.#options.onRoom();
    }
  }

  #sweepBy(due: number, now: number): void {
    if (due >= this.#sweepsAt) return;
    this.#cancelSweep?.();
    this.#sweepsAt = due;
    this.#cancelSweep = this.#options.clock.setTimer(() => this.#sweep(), Math.max(1, due - now), true);
  }

  #sweep(): void {
    this.#sweepsAt = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    const { idleTimeout } = this.#options.settings;
    const left = this.#idle.filter(({ since, until }) => since + idleTimeout > now && until > now);
    const due = this.#idle.filter((entry) => !left.includes(entry));
    this.#idle.splice(0, this.#idle.length, ...left);
    for (const { connection } of due) this.#close(connection);
    for (const { since, until } of left) this.#sweepBy(Math.min(since + idleTimeout, until), now);
  }
}
