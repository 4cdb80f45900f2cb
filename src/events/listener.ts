import { aFunction, type Check, InvalidOptionError, label, milliseconds, oneOf, readOptions } from '../core/index.ts';
import type { Outcome } from '../connection/index.ts';
import { checkEvent, type EventDefinition } from './definition.ts';

/** What every listener gets in addition to the payload. */
export interface PublishedEvent {
  /** A UUID that names the event: the same for all of its listeners and all of their attempts. */
  readonly id: string;
  /** The name of its definition. */
  readonly name: string;
}

/** What a listener after a rollback gets in addition. */
export interface RolledBackEvent extends PublishedEvent {
  /** What the caller of the transaction gets. */
  readonly error: unknown;
}

/** What a listener after the end of a transaction gets in addition. */
export interface CompletedEvent extends PublishedEvent {
  /** What became of the transaction. */
  readonly outcome: Outcome;
  /** What the caller of the transaction gets, where it is not committed. */
  readonly error: unknown;
}

/** What a durable listener gets in addition. */
export interface DurableEvent extends PublishedEvent {
  /** When it was published, by the clock of the database. */
  readonly publishedAt: Date;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborts when the transaction of the attempt is over: its time is up, or `stop()` does not wait any longer. */
  readonly signal: AbortSignal;
}

/** When a listener in the process of the publisher runs. */
export type ProcessPhase = 'beforeCommit' | 'afterCommit' | 'afterRollback' | 'afterCompletion';

/** When a listener runs. */
export type EventPhase = ProcessPhase | 'durable';

/** What a listener gets in addition to the payload, by its phase. */
export interface EventInPhase {
  /** In the transaction, before its COMMIT. */
  readonly beforeCommit: PublishedEvent;
  /** After the commit. */
  readonly afterCommit: PublishedEvent;
  /** After a rollback. */
  readonly afterRollback: RolledBackEvent;
  /** After either. */
  readonly afterCompletion: CompletedEvent;
  /** After the commit, in a transaction of its own. */
  readonly durable: DurableEvent;
}

/** Takes events. What it throws: see the phases. */
export type EventListener<Payload, Phase extends EventPhase> = (
  payload: Payload,
  event: EventInPhase[Phase],
) => unknown;

/** Options of a listener that runs in the process of the publisher. */
export interface ProcessListenerOptions<Phase extends ProcessPhase = ProcessPhase> {
  /**
   * `beforeCommit`: in the transaction, which it refuses by throwing. `afterCommit`, `afterRollback`, `afterCompletion`: when it has
   * ended. They run as the hooks of these names do, in the order of publishing.
   */
  readonly phase: Phase;
}

/** Options of a durable listener. */
export interface DurableListenerOptions {
  /** After the commit, in a transaction of its own, until it has succeeded; by any process that has started its events. */
  readonly phase: 'durable';
  /** Names the listener in the table: at most 200 characters, one listener each, and never changed while publications are open. */
  readonly id: string;
  /** How long an attempt may take, in milliseconds; then it is rolled back and has failed. Default 60,000. */
  readonly timeout?: number | undefined;
}

/** Options of a listener, by its phase. */
export type ListenerOptions<Phase extends EventPhase = EventPhase> = {
  /** When it runs. */
  readonly phase: Phase;
} & (Phase extends ProcessPhase ? ProcessListenerOptions<Phase> : DurableListenerOptions);

/** A listener in the process of the publisher. */
export interface ProcessListener {
  readonly phase: ProcessPhase;
  readonly run: (payload: unknown, event: EventInPhase[ProcessPhase]) => unknown;
}

/** A durable listener. */
export interface DurableListener {
  readonly id: string;
  readonly event: EventDefinition<never, unknown>;
  readonly timeout: number;
  readonly run: EventListener<unknown, 'durable'>;
}

const phases: readonly EventPhase[] = ['beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion', 'durable'];
const aPhase = oneOf(phases);
const checks: Record<keyof DurableListenerOptions, Check> = {
  phase: aPhase,
  id: label(200),
  timeout: milliseconds(1),
};
/** Options of every phase, once they were read. */
type ReadOptions = Partial<Omit<DurableListenerOptions, 'phase'>> & { readonly phase: EventPhase };

/** The listeners of this process. */
export class Listeners {
  readonly durable: Map<string, DurableListener> = new Map<string, DurableListener>();
  readonly #inProcess = new Map<string, Set<ProcessListener>>();

  /** @returns takes it away again; @throws InvalidOptionError */
  add(
    event: EventDefinition<never, unknown>,
    given: ListenerOptions,
    run: (payload: never, event: never) => unknown,
  ): () => void {
    checkEvent('events.on', event);
    const owner = `A listener for the event "${event.name}"`;
    const options = readOptions<ReadOptions>(owner, given, checks, ['phase']);
    if (aFunction(run) !== undefined) {
      throw new InvalidOptionError({ what: `${owner} is no function`, remedy: 'Give a function as the last argument' });
    }
    const { phase, id } = options;
    if (phase === 'durable') return this.#addDurable(event, owner, options, run as DurableListener['run']);
    if (id === undefined && options.timeout === undefined) {
      return this.#addInProcess(event.name, { phase, run: run as ProcessListener['run'] });
    }
    throw new InvalidOptionError({
      what: `${owner} has the phase "${phase}" and an "id" or "timeout"`,
      remedy: "Leave them out, or give { phase: 'durable' }",
    });
  }

  /** Those that run in the process of the publisher, in the order in which they were registered. */
  inProcess(name: string): readonly ProcessListener[] {
    return [...(this.#inProcess.get(name) ?? [])];
  }

  /** The durable listener with an id, if it is for this event here: in a process of another version it may be for another. */
  durableOf({ listener, event }: { readonly listener: string; readonly event: string }): DurableListener | undefined {
    const found = this.durable.get(listener);
    return found?.event.name === event ? found : undefined;
  }

  /** The ids of the durable listeners of an event. */
  durableFor(name: string): readonly string[] {
    return [...this.durable.values()].filter(({ event }) => event.name === name).map(({ id }) => id);
  }

  #addInProcess(name: string, listener: ProcessListener): () => void {
    const all = this.#inProcess.get(name) ?? new Set();
    this.#inProcess.set(name, all.add(listener));
    return () => void all.delete(listener);
  }

  #addDurable(
    event: EventDefinition<never, unknown>,
    owner: string,
    { id, timeout = 60_000 }: ReadOptions,
    run: DurableListener['run'],
  ): () => void {
    if (id === undefined) {
      throw new InvalidOptionError({
        what: `${owner} is durable and has no "id"`,
        remedy: 'Give it an id of its own, the same in every process',
      });
    }
    const other = this.durable.get(id);
    if (other !== undefined) {
      throw new InvalidOptionError({
        what: `${owner} has the id "${id}" of another durable listener, for the event "${other.event.name}"`,
        remedy: 'Give each durable listener an id of its own',
      });
    }
    const listener: DurableListener = { id, event, timeout, run };
    this.durable.set(id, listener);
    return () => void (this.durable.get(id) === listener && this.durable.delete(id));
  }
}
