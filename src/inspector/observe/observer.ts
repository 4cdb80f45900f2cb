import { runInFrame } from '../../context/index.ts';
import { type CancelTimer, systemClock } from '../../core/index.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Attention } from '../measure/attention.ts';
import type { Points } from '../measure/points.ts';
import type { Point, Snapshot, TransactionHistory } from '../snapshot.ts';
import type { ActionName } from '../work-views.ts';
import { OneTime } from './at-one-time.ts';
import { compose } from './compose.ts';
import type { OwnProcess } from '../look/own-process.ts';
import type { SlowLook } from '../look/slow-look.ts';

export interface ObserverSettings {
  readonly process: OwnProcess;
  readonly fleet: Fleet | undefined;
  readonly points: Points;
  readonly attention: Attention;
  /** The sessions of other programs. */
  readonly sessions: SlowLook<Snapshot['sessions']> | undefined;
  readonly queues: SlowLook<Snapshot['queues']> | undefined;
  readonly channels: SlowLook<Snapshot['channels']> | undefined;
  readonly received: SlowLook<Snapshot['received']> | undefined;
  readonly sagas: SlowLook<Snapshot['sagas']> | undefined;
  readonly publications: SlowLook<Snapshot['publications']> | undefined;
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

/** What others have been asked at the first look is there this many milliseconds later. */
const answersAfter = 250;
/** So many looks it takes to know who waits for whom over processes. */
const firstLooks = 3;

/** Looks again and again, as long as anyone looks on. */
export class Observer {
  readonly #settings: ObserverSettings;
  readonly #viewers = new Set<Viewer>();
  readonly #oneTime = new OneTime();
  /** Looks that come soon, one after the other. */
  #soon = 0;
  #cancelTimer: CancelTimer | undefined;
  #looking: Promise<Omit<Snapshot, 'points'>> | undefined;
  #latest: { readonly now: Omit<Snapshot, 'points'>; readonly at: number } | undefined;

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
      this.#soon = firstLooks;
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
    const { interval } = this.#settings;
    const after = this.#soon > 0 ? Math.min(answersAfter, interval) : interval;
    this.#soon = Math.max(0, this.#soon - 1);
    this.#cancelTimer = systemClock.setTimer(() => void this.#tick(), after, true);
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
    const { process, fleet, points, payloads, actions, sessions } = this.#settings;
    const { queues, channels, received, sagas, publications } = this.#settings;
    const looks = [sessions, queues, channels, received, sagas, publications];
    fleet?.ask();
    const askedAt = performance.now();
    const own = await process.report();
    const cameAt = performance.now();
    // After it: the inspector's own statements are none of those that are shown.
    for (const look of looks) look?.ask();
    points.add(own.identity.id, own.seconds);
    const problems = [fleet, ...looks].map((asked) => asked?.problem);
    const now = compose({
      own: { report: own, askedAt, cameAt },
      others: fleet?.known() ?? [],
      sessions: sessions?.found ?? [],
      problems: problems.filter((problem) => problem !== undefined),
      oneTime: this.#oneTime,
    });
    const whole = {
      ...now,
      queues: queues?.found ?? [],
      channels: channels?.found ?? [],
      received: received?.found ?? [],
      sagas: sagas?.found ?? [],
      publications: publications?.found ?? [],
      payloads,
      actions,
    };
    this.#latest = { now: whole, at: performance.now() };
    return whole;
  }
}
