import { subscribe, type TracingChannel, unsubscribe } from 'node:diagnostics_channel';
import {
  acquireTrace,
  cacheTrace,
  channelNames,
  type JobEvent,
  relayTrace,
  statementTrace,
  type TraceEvent,
  transactionTrace,
} from '../../channels/index.ts';
import { Tally, type ToldSecond } from './tally.ts';
import { isUncounted } from './uncounted.ts';

/** How many seconds are kept for those who ask. */
const kept = 20;

const jobCounts = {
  completed: 'jobsCompleted',
  failed: 'jobsFailed',
  retry: 'jobsRetried',
  released: 'jobsReleased',
} as const;

/** As much of a trace as is used here. */
interface Traced<Event extends TraceEvent> {
  readonly channels: TracingChannel<Event, Event>;
}

/** Counts what happens in this process, second by second, between `begin` and `end`. */
export class Collector {
  readonly #now: () => number;
  readonly #seconds = new Map<number, Tally>();
  #ends: (() => void)[] = [];
  #since = Number.POSITIVE_INFINITY;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(): void {
    if (this.#ends.length > 0) return;
    // A second of which a part was not seen is not told.
    this.#since = Math.floor(this.#now() / 1_000) + 1;
    this.#hearTraces();
    this.#hearMoments();
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#seconds.clear();
    this.#since = Number.POSITIVE_INFINITY;
  }

  /** The last seconds that are over, oldest first; one in which nothing happened is there, too. */
  told(): readonly ToldSecond[] {
    const present = Math.floor(this.#now() / 1_000);
    const first = Math.max(this.#since, present - kept + 1);
    const told: ToldSecond[] = [];
    for (let second = first; second < present; second += 1) {
      told.push((this.#seconds.get(second) ?? new Tally()).told(second, present - second));
    }
    for (const second of this.#seconds.keys()) if (second < first) this.#seconds.delete(second);
    return told;
  }

  #hearTraces(): void {
    this.#hear(transactionTrace, ({ outcome, duration = 0 }, tally) => {
      tally.count(outcome ?? 'rolledBack');
      tally.time('transactionTimes', duration);
    });
    this.#hear(statementTrace, ({ failed, running }, tally) => {
      tally.count('statements');
      if (failed) tally.count('failedStatements');
      if (running !== undefined) tally.time('statementTimes', running);
    });
    this.#hear(acquireTrace, ({ waited, duration = 0 }, tally) => {
      if (!waited) return;
      tally.count('waits');
      tally.time('waitTimes', duration);
    });
    this.#hear(cacheTrace, ({ hit }, tally) => {
      if (hit !== undefined) tally.count(hit ? 'cacheHits' : 'cacheMisses');
    });
    this.#hear(relayTrace, ({ delivered, undelivered }, tally) => {
      tally.count('delivered', delivered);
      tally.count('undelivered', undelivered);
    });
  }

  #hearMoments(): void {
    this.#hearNamed(channelNames.transactionRetry, (_event, tally) => tally.count('retries'));
    this.#hearNamed(channelNames.hookError, (_event, tally) => tally.count('failedHooks'));
    this.#hearNamed(channelNames.jobEnd, (event, tally) => tally.count(jobCounts[(event as JobEvent).outcome]));
  }

  #hear<Event extends TraceEvent>(trace: Traced<Event>, note: (event: Event, tally: Tally) => void): void {
    const channel = trace.channels.asyncEnd;
    const listener = (event: unknown): void => this.#note(() => note(event as Event, this.#tally()));
    channel.subscribe(listener);
    this.#ends.push(() => channel.unsubscribe(listener));
  }

  #hearNamed(name: string, note: (event: unknown, tally: Tally) => void): void {
    const listener = (event: unknown): void => this.#note(() => note(event, this.#tally()));
    subscribe(name, listener);
    this.#ends.push(() => unsubscribe(name, listener));
  }

  /** What another package publishes on the channel must not end the process. */
  #note(work: () => void): void {
    if (isUncounted()) return;
    try {
      work();
    } catch {
      // It is not counted.
    }
  }

  #tally(): Tally {
    const second = Math.floor(this.#now() / 1_000);
    const known = this.#seconds.get(second);
    if (known !== undefined) return known;
    for (const old of this.#seconds.keys()) if (old < second - kept) this.#seconds.delete(old);
    const made = new Tally();
    this.#seconds.set(second, made);
    return made;
  }
}
