import { runInFrame } from '../../context/index.ts';
import { type CancelTimer, describeThrown, systemClock } from '../../core/index.ts';
import type { Database } from '../../database/index.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Attention } from '../measure/attention.ts';
import type { Points } from '../measure/points.ts';
import type { ActionName, Point, Snapshot, TransactionHistory } from '../snapshot.ts';
import { compose } from './compose.ts';
import type { OwnProcess } from '../look/own-process.ts';
import type { ProcessReport } from '../look/report.ts';
import { sessionsOf } from '../look/sessions.ts';

/** How long a server may take to tell of its sessions, in milliseconds. */
const sessionsTimeout = 2_000;

export interface ObserverSettings {
  readonly process: OwnProcess;
  readonly fleet: Fleet | undefined;
  readonly points: Points;
  readonly attention: Attention;
  /** Whose servers are asked for the sessions of other programs. */
  readonly sessions: readonly Database[];
  readonly payloads: boolean;
  readonly actions: readonly ActionName[];
  /** Milliseconds between two looks. */
  readonly interval: number;
}

/** Gets each look, until it says that it has gone. */
export interface Viewer {
  /** @param change the number of the last change of the points that `points` has */
  show(now: Omit<Snapshot, 'points'>): void;
}

/** Looks again and again, as long as anyone looks on. */
export class Observer {
  readonly #settings: ObserverSettings;
  readonly #viewers = new Set<Viewer>();
  #cancelTimer: CancelTimer | undefined;
  #looking: Promise<Omit<Snapshot, 'points'>> | undefined;
  #latest: { readonly now: Omit<Snapshot, 'points'>; readonly at: number } | undefined;
  #sessions: { readonly running: boolean; readonly found: Snapshot['sessions']; readonly problem?: string } = {
    running: false,
    found: [],
  };

  constructor(settings: ObserverSettings) {
    this.#settings = settings;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** The points that have changed after that change, and the present one. */
  pointsSince(change: number): { readonly points: readonly Point[]; readonly change: number } {
    const { points } = this.#settings;
    return { points: points.since(change), change: points.change };
  }

  /** Shows what is there now, and goes on to show until the viewer is taken away. @returns that */
  add(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    this.#settings.attention.note();
    void this.now().then((now) => {
      if (this.#viewers.has(viewer)) viewer.show(now);
      this.#arm();
    });
    return () => this.#viewers.delete(viewer);
  }

  /** What is there now, or was a moment ago. */
  async now(): Promise<Omit<Snapshot, 'points'>> {
    this.#settings.attention.note();
    const { interval } = this.#settings;
    if (this.#latest !== undefined && performance.now() - this.#latest.at < interval) return this.#latest.now;
    return await this.#look();
  }

  /** What happened in the chain of an open transaction, of whichever process. */
  async historyOf(id: string): Promise<TransactionHistory | undefined> {
    const { process, fleet } = this.#settings;
    const history = process.historyOf(id);
    if (history !== undefined) return { processId: process.identity.id, id, history };
    const found = await fleet?.historyOf(id);
    return found === undefined ? undefined : { ...found, id };
  }

  end(): void {
    this.#viewers.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(): void {
    if (this.#cancelTimer !== undefined || this.#viewers.size === 0) return;
    this.#cancelTimer = systemClock.setTimer(() => void this.#tick(), this.#settings.interval, true);
  }

  async #tick(): Promise<void> {
    if (this.#viewers.size > 0) {
      this.#settings.attention.note();
      const now = await this.#look();
      for (const viewer of this.#viewers) viewer.show(now);
    }
    this.#cancelTimer = undefined;
    this.#arm();
  }

  async #look(): Promise<Omit<Snapshot, 'points'>> {
    this.#looking ??= runInFrame(undefined, () => this.#lookOnce(), undefined).finally(
      () => (this.#looking = undefined),
    );
    return await this.#looking;
  }

  async #lookOnce(): Promise<Omit<Snapshot, 'points'>> {
    const { process, fleet, points, payloads, actions } = this.#settings;
    fleet?.ask();
    const own: ProcessReport = await process.report();
    // After it: the inspector's own statement is none of those that are shown.
    this.#lookAtSessions();
    points.add(own.identity.id, own.seconds);
    const problems = [fleet?.problem, this.#sessions.problem].filter((problem) => problem !== undefined);
    const now = compose({ own, others: fleet?.known() ?? [], sessions: this.#sessions.found, problems });
    const whole = { ...now, payloads, actions };
    this.#latest = { now: whole, at: performance.now() };
    return whole;
  }

  /** The look itself does not wait for it. */
  #lookAtSessions(): void {
    const { sessions } = this.#settings;
    if (sessions.length === 0 || this.#sessions.running) return;
    this.#sessions = { ...this.#sessions, running: true };
    const asked = Promise.all(sessions.map(sessionsOf));
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancelTimer = systemClock.setTimer(() => reject(new Error('no answer')), sessionsTimeout, true);
    Promise.race([asked, late])
      .then(
        (found) => (this.#sessions = { running: true, found: found.flat() }),
        (error: unknown) => {
          const problem = `The server does not tell of its sessions: ${describeThrown(error).name}`;
          this.#sessions = { running: true, found: [], problem };
        },
      )
      .finally(cancelTimer);
    asked.catch(() => {}).finally(() => (this.#sessions = { ...this.#sessions, running: false }));
  }
}
