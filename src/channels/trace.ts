import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { nextId, type Origin } from '../core/index.ts';
import { telemetrySlot } from './telemetry.ts';

/** What every traced call says of itself. */
export interface TraceDetails {
  /** Default: a new one. */
  readonly id?: string | undefined;
  readonly parentId: string | undefined;
  /** Default: its own id. */
  readonly chainId?: string | undefined;
  readonly clientName: string | undefined;
  readonly level: number | undefined;
  readonly name: string;
  readonly origin?: Origin | undefined;
  readonly attempt?: number | undefined;
}

/** Notes what an event has failed with; only those who trace do. */
export let fail: (event: TraceEvent, error: unknown) => void;

/**
 * Something that takes time. The same object is published when it starts and when it ends, so a subscriber can keep what belongs
 * to it in a WeakMap. Fields that are known only at its end are undefined before.
 */
export class TraceEvent {
  /** Names it among all events of all processes. */
  readonly id: string;
  /** The id of what it is a part of: its transaction, scope or job. */
  readonly parentId: string | undefined;
  /** The same for all that belongs to one chain of calls in this process. */
  readonly chainId: string;
  /** The client that it runs on, where it runs on one. */
  readonly clientName: string | undefined;
  /** The level at which it runs. */
  readonly level: number | undefined;
  /** The name of its transaction, or what it is instead. */
  readonly name: string;
  /** The number of the attempt that it belongs to; 1 for the first. */
  readonly attempt: number;
  /** Milliseconds that it took; known at its end. */
  duration: number | undefined = undefined;
  readonly #origin: Origin | undefined;
  #failure: { readonly error: unknown } | undefined;

  static {
    fail = (event, error) => (event.#failure = { error });
  }

  constructor({ id = nextId(), parentId, chainId = id, clientName, level, name, origin, attempt = 1 }: TraceDetails) {
    this.id = id;
    this.parentId = parentId;
    this.chainId = chainId;
    this.clientName = clientName;
    this.level = level;
    this.name = name;
    this.attempt = attempt;
    this.#origin = origin;
  }

  /** The place in the program that asked for it (`file:line:column`), where it is known. Read on demand, since it costs. */
  get origin(): string | undefined {
    return this.#origin?.();
  }
  /** What it failed with. No part of what a logger prints of the event: a server's error may quote values. */
  get error(): unknown {
    return this.#failure?.error;
  }
  /** Whether it failed; known at its end. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }
}

/**
 * A `TracingChannel` of `node:diagnostics_channel` with messages of one type. It publishes as `tracePromise` does, but keeps no
 * result in the message: that holds rows.
 */
export class Trace<Event extends TraceEvent> {
  /** Those with something to trace ask first `isWatched`. */
  readonly channels: TracingChannel<Event, Event>;

  constructor(name: string) {
    this.channels = tracingChannel(name);
    // Runtimes that are not Node.js may lack it.
    if (!('hasSubscribers' in this.channels))
      Object.defineProperty(this.channels, 'hasSubscribers', { get: anySubscriber });
  }

  /**
   * Runs a call with the stores that are bound to the start of the channel.
   * @param ended completes the event from the result, before its end is published
   */
  run<Result>(event: Event, call: () => Promise<Result>, ended?: (result: Result) => void): Promise<Result>;
  run<Result>(event: Event, call: () => Result | Promise<Result>): Result | Promise<Result>;
  run<Result>(
    event: Event,
    call: () => Result | Promise<Result>,
    ended?: (result: Result) => void,
  ): Result | Promise<Result> {
    return this.#run([event], call, ended);
  }

  /** The same for calls that are one: all of them start and end together. */
  runAll<Result>(
    events: readonly Event[],
    call: () => Promise<Result>,
    ended?: (result: Result) => void,
  ): Promise<Result> {
    return this.#run(events, call, ended) as Promise<Result>;
  }

  #run<Result>(
    events: readonly Event[],
    call: () => Result | Promise<Result>,
    ended: ((result: Result) => void) | undefined,
  ): Result | Promise<Result> {
    const startedAt = performance.now();
    const succeeded = (result: Result): Result => {
      ended?.(result);
      this.#finish(events, startedAt);
      return result;
    };
    const failed = (error: unknown): never => {
      for (const event of events) fail(event, error);
      this.#finish(events, startedAt);
      throw error;
    };
    let running: Result | Promise<Result>;
    try {
      running = this.#start(events, call);
    } catch (error) {
      return failed(error);
    }
    return running instanceof Promise ? running.then(succeeded, failed) : succeeded(running);
  }

  /** In the stores of the first, and in its trace. */
  #start<Result>(events: readonly Event[], call: () => Result): Result {
    const { start, end } = this.channels;
    const { telemetry } = telemetrySlot;
    const [first] = events;
    if (first === undefined) return call();
    for (const event of events) if (event !== first) start.publish(event);
    try {
      return start.runStores(first, telemetry === undefined ? call : () => telemetry.during(first, call));
    } finally {
      for (const event of events) end.publish(event);
    }
  }

  #finish(events: readonly Event[], startedAt: number): void {
    const duration = performance.now() - startedAt;
    for (const event of events) event.duration = duration;
    const { error, asyncStart, asyncEnd } = this.channels;
    for (const event of events) {
      if (event.failed) error.publish(event);
      asyncStart.publish(event);
      asyncEnd.publish(event);
    }
  }
}

function anySubscriber(this: TracingChannel): boolean {
  const { start, end, asyncStart, asyncEnd, error } = this;
  return [start, end, asyncStart, asyncEnd, error].some(({ hasSubscribers }) => hasSubscribers);
}
