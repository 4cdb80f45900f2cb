import { acquireWait, connectionClose, connectionOpen } from '../channels/index.ts';
import { beforeAll, type Begun, noteClosing } from '../context/index.ts';
import { type ChainLink, type Clock, LinkedList, TimeoutQueue } from '../core/index.ts';
import { Admission } from './admission.ts';
import { LeakWatch, placeOfCaller } from './leak-watch.ts';
import { PhysicalConnections, type PooledConnection } from './physical-connections.ts';
import { closed, deadlock, mostHoldersTold, type RefusingPool, type Shortage, tooDeep, tooLate } from './refusal.ts';
import type { AcquireRequest, Lease } from './request.ts';
import type { PoolSettings } from './settings.ts';
import type { PoolStats } from './stats.ts';
import { Ticket } from './ticket.ts';

export interface PoolDependencies<Connection> {
  readonly clientName: string;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of pauses and lifetimes. */
  readonly random: () => number;
  /** Where connections go, in words. */
  readonly target: string;
  readonly open: () => Promise<Connection>;
  /** Whether the server still answers on a connection; never rejects, and is soon known. */
  readonly isSound: (connection: Connection) => Promise<boolean>;
}

/**
 * How long a COMMIT may be followed before another connection is looked for as well, in milliseconds: longer than a distant server
 * takes to answer one.
 */
const patience = 100;

/**
 * One budget of connections for one client of one process, granted by level (see `Admission`).
 * A request is first admitted by the rule and then gets a physical connection, idle or new: since
 * no more are admitted than the budget allows, one is always there or can be opened.
 */
export class Pool<Connection extends PooledConnection> {
  readonly clientName: string;
  readonly settings: PoolSettings;
  readonly #target: string;
  readonly #timeouts: TimeoutQueue<Ticket<Lease<Connection>>>;
  /** Those who wait for the answer to the COMMIT of another. */
  readonly #followers: TimeoutQueue<Lease<Connection>>;
  readonly #admission: Admission;
  readonly #physical: PhysicalConnections<Connection>;
  /** The requests that wait for admission, by level. */
  readonly #lines: readonly LinkedList<Ticket<Lease<Connection>>>[];
  /** The requests that were admitted and need a connection to be opened. */
  readonly #admitted = new LinkedList<Ticket<Lease<Connection>>>();
  readonly #leaks: LeakWatch | undefined;
  readonly #leases = new LinkedList<Lease<Connection>>();
  /** Looks at each request before it is served, and says why it must not be. */
  guard: ((request: AcquireRequest, stats: PoolStats) => Error | undefined) | undefined;
  /** Is called with each connection that is given out; what it returns is called when that is given back. */
  tap: ((connection: Connection) => () => void) | undefined;
  /** Is called before the first attempt of what may have several, with its name; what it returns is awaited. */
  beforeAttempts: ((name: string | undefined) => Promise<void>) | undefined;
  /** Only what began before it gets connections; all does while it is open. */
  #before: Begun | undefined;

  constructor({ clientName, settings, clock, random, target, open, isSound }: PoolDependencies<Connection>) {
    this.clientName = clientName;
    this.settings = settings;
    this.#target = target;
    this.#timeouts = new TimeoutQueue(clock, settings.acquireTimeout, (ticket) => {
      const { level, holder } = ticket.request;
      this.#fail(ticket, tooLate(this.#refusing(), level, holder));
    });
    this.#followers = new TimeoutQueue(clock, patience, (lease) => lease.onLate?.());
    this.#leaks = settings.leakThreshold === 0 ? undefined : new LeakWatch(clientName, settings.leakThreshold, clock);
    this.#admission = new Admission(settings.budget, settings.maxLevel);
    this.#lines = Array.from({ length: settings.maxLevel + 1 }, () => new LinkedList());
    this.#physical = new PhysicalConnections({
      settings,
      clock,
      random,
      open,
      isSound,
      deliver: (connection) => this.#deliver(connection),
      onOpenFailed: (error) => this.#onOpenFailed(error),
      onRoom: () => this.#openForAdmitted(),
      onCount: (change, count) => {
        const channel = change === 'open' ? connectionOpen : connectionClose;
        if (channel.hasSubscribers) channel.publish({ clientName, open: count });
      },
    });
  }

  /**
   * Takes a connection, at once where one is idle.
   * @throws PoolDeadlockError, LevelLimitError at once; AcquireTimeoutError, ConnectError or the signal's reason later; DatabaseClosedError
   */
  acquire(request: AcquireRequest): Lease<Connection> | Promise<Lease<Connection>> {
    this.assertAdmits(request.begun);
    request.signal?.throwIfAborted();
    const refused = this.guard?.(request, this.stats());
    if (refused !== undefined) throw refused;
    const line = this.#lines[request.level];
    const asked = this.#leaks === undefined ? request : { ...request, takenAt: placeOfCaller() };
    if (this.#admission.take(request.level)) {
      const connection = this.#physical.takeIdle();
      return connection === undefined ? this.#wait(asked, this.#admitted) : this.#lease(asked, connection, true);
    }
    if (line === undefined) throw tooDeep(this.#refusing(), request.level, request.holder);
    if (!request.mayWait) throw deadlock(this.#refusing(), request);
    return this.#wait(asked, line);
  }

  /**
   * @throws DatabaseClosedError for what began after `close` was called, for all that undoes no other work once its timeout is over,
   * and for all work once it is done
   */
  assertAdmits(begun: Begun): void {
    if (this.#before !== undefined && begun >= this.#before) throw closed(this.clientName);
  }

  /** Gives a connection back: `sound` for the next one, otherwise it is destroyed. */
  release(lease: Lease<Connection>, sound: boolean): void {
    if (!this.#return(lease)) return;
    this.#admission.give(lease.level);
    const { unfit } = lease.connection;
    if (unfit === 'server') this.#physical.renew();
    if (sound && unfit === undefined) this.#physical.putBack(lease.connection);
    else this.#physical.discard(lease.connection);
    this.#admitWaiting();
  }

  /**
   * Whether a request waits that would get the connection of a lease if it were given back now, and may have it while its COMMIT is
   * under way. Only at level 0: a chain that waits there holds nothing that the COMMIT could wait for.
   */
  mayHandOver({ level, connection }: Lease<Connection>): boolean {
    const [line, ...deeper] = this.#lines;
    if (level !== 0 || line?.first?.request.mayFollow !== true || this.tap !== undefined) return false;
    return deeper.every(({ size }) => size === 0) && this.#physical.mayStay(connection);
  }

  /** Gives it to that request. @param commit resolves with the answer */
  handOver(lease: Lease<Connection>, commit: Promise<unknown>): void {
    const ticket = this.#lines[0]?.shift();
    if (ticket === undefined) throw new RangeError('no request waits for the connection');
    this.#return(lease);
    const next = this.#lease(ticket.request, lease.connection, true);
    const place = this.#followers.begin(next);
    const answered = (): void => {
      next.commit = undefined;
      this.#followers.end(place);
    };
    next.commit = commit.then(answered, answered);
    ticket.resolve(next);
  }

  /** Its connections, idle or in use. */
  get connections(): Iterable<Connection> {
    return this.#physical.connections;
  }

  stats(): PoolStats {
    const levels = this.#lines.map((line, level) => ({
      level,
      used: this.#admission.usedAt(level),
      waiting: line.size,
    }));
    const { max, maxLevel, budget } = this.settings;
    return {
      budget,
      max,
      maxLevel,
      used: this.#admission.total,
      idle: this.#physical.idle,
      opening: this.#physical.opening,
      closing: this.#physical.closing,
      waiting: this.#waiting,
      levels,
      oldestHolder: this.#leases.first?.holder.describe(),
    };
  }

  /** From now on only work that had begun gets connections. */
  startClosing(): void {
    this.#before ??= noteClosing();
  }

  /** From now on only hooks that undo work get connections. Refuses those who wait. */
  startUndoing(reason: unknown): void {
    this.#before = beforeAll;
    this.#refuseWaiting(reason);
  }

  /** Refuses all waiting requests, ends every connection and resolves when they are gone. */
  async end(): Promise<void> {
    this.#before = Number.NEGATIVE_INFINITY;
    this.#refuseWaiting(closed(this.clientName));
    await this.#physical.end();
  }

  /** Refuses those who wait now. */
  #refuseWaiting(reason: unknown): void {
    for (const line of [...this.#lines, this.#admitted]) {
      for (let ticket = line.shift(); ticket !== undefined; ticket = line.shift()) {
        ticket.reject(reason);
        if (line === this.#admitted) this.#admission.give(ticket.request.level);
      }
    }
  }

  get #waiting(): number {
    return this.#lines.reduce((sum, line) => sum + line.size, 0);
  }

  #lease(request: AcquireRequest, connection: Connection, idled: boolean): Lease<Connection> {
    const lease: Lease<Connection> = { connection, level: request.level, holder: request.holder, idled };
    lease.place = this.#leases.push(lease);
    if (this.tap !== undefined) lease.untap = this.tap(connection);
    this.#leaks?.begin(lease, request.takenAt);
    return lease;
  }

  /** @returns whether it was still held */
  #return(lease: Lease<Connection>): boolean {
    const { place } = lease;
    if (place === undefined || place.list !== this.#leases) return false;
    this.#leases.remove(place);
    lease.untap?.();
    this.#leaks?.end(lease);
    return true;
  }

  #wait(request: AcquireRequest, line: LinkedList<Ticket<Lease<Connection>>>): Promise<Lease<Connection>> {
    const ticket = new Ticket<Lease<Connection>>(request);
    ticket.limit(this.#timeouts);
    if (request.signal !== undefined) ticket.onAbort(request.signal, (reason) => this.#fail(ticket, reason));
    if (request.isFirst === true && line !== this.#admitted) ticket.joinFront(line);
    else ticket.joinLine(line);
    if (line === this.#admitted) this.#openForAdmitted();
    else if (acquireWait.hasSubscribers) {
      acquireWait.publish({ clientName: this.clientName, level: request.level, waiting: this.#waiting });
    }
    return ticket.promise;
  }

  #fail(ticket: Ticket<Lease<Connection>>, error: unknown): void {
    const wasAdmitted = ticket.isIn(this.#admitted);
    ticket.reject(error);
    if (!wasAdmitted) return;
    this.#admission.give(ticket.request.level);
    this.#admitWaiting();
  }

  /** Admits whom the rule allows now: the deepest level first, first come first served within one. */
  #admitWaiting(): void {
    for (let level = this.#lines.length - 1; level >= 0; level -= 1) {
      const line = this.#lines[level];
      while (line !== undefined && line.size > 0 && this.#admission.take(level)) {
        const ticket = line.shift();
        if (ticket === undefined) break;
        const connection = this.#physical.takeIdle();
        if (connection === undefined) ticket.joinLine(this.#admitted);
        else ticket.resolve(this.#lease(ticket.request, connection, true));
      }
    }
    this.#openForAdmitted();
  }

  #openForAdmitted(): void {
    if (this.#admitted.size === 0) return;
    while (this.#admitted.size > this.#physical.coming && this.#physical.bring());
  }

  #deliver(connection: Connection): boolean {
    const ticket = this.#admitted.shift();
    ticket?.resolve(this.#lease(ticket.request, connection, false));
    return ticket !== undefined;
  }

  /** Fails the request that has waited longest, unless enough other connections are still being opened. */
  #onOpenFailed(error: unknown): void {
    if (this.#admitted.size <= this.#physical.coming) return;
    const ticket = this.#admitted.shift();
    if (ticket !== undefined) {
      ticket.reject(error);
      this.#admission.give(ticket.request.level);
      this.#admitWaiting();
    }
  }

  #refusing(): RefusingPool {
    const { clientName, settings } = this;
    const holders: ChainLink[] = [];
    for (const { holder } of this.#leases) {
      if (holders.length === mostHoldersTold) break;
      holders.push(holder.describe());
    }
    const moreHolders = this.#leases.size - holders.length;
    return { clientName, settings, target: this.#target, holders, moreHolders, shortage: this.shortage };
  }

  /** What the server has not given yet to those who were admitted. */
  get shortage(): Shortage | undefined {
    const waiting = this.#admitted.size;
    return waiting === 0 ? undefined : { waiting, cause: this.#physical.failure };
  }
}
