import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import { InvalidOptionError } from '../../../core/index.ts';
import type { DurableListenerOptions, EventInPhase, EventPhase, Events } from '../../../events/index.ts';
import { type DecoratedMethod, decoratedMethods } from './methods.ts';
import { listenerKey, type NotedListener } from './transactional-event.ts';

type FoundListener = DecoratedMethod<NotedListener, EventInPhase[EventPhase]>;

/** Gives the listeners of an application to its events when it starts. */
export class EventListenersAtStart {
  readonly #events: ReadonlyMap<string, Events>;
  readonly #discovery: DiscoveryService;
  readonly #moduleRef: ModuleRef;

  constructor(events: ReadonlyMap<string, Events>, discovery: DiscoveryService, moduleRef: ModuleRef) {
    this.#events = events;
    this.#discovery = discovery;
    this.#moduleRef = moduleRef;
  }

  /** Nest calls it when all providers are made, for global modules first: what others publish when they start is heard. */
  onModuleInit(): void {
    const found: FoundListener[] = decoratedMethods(listenerKey, this.#discovery, this.#moduleRef);
    const places = new Map<string, string>();
    for (const listener of found) {
      const { event, options, events: name = 'default' } = listener.noted;
      const events = this.#events.get(name);
      if (events === undefined) throw noSuchEvents(listener, [...this.#events.keys()]);
      if ('id' in options) refuseSecond(places, `${name}\n${options.id}`, options.id, listener.place);
      events.on(event, options as DurableListenerOptions, listener.run);
    }
  }
}

function refuseSecond(places: Map<string, string>, key: string, id: string, place: string): void {
  const other = places.get(key);
  if (other !== undefined) {
    throw new InvalidOptionError({
      what: `Two durable listeners have the id "${id}": ${other} and ${place}`,
      remedy: 'Give each @OnTransactionalEvent() an id of its own, in a class that one module provides',
    });
  }
  places.set(key, place);
}

function noSuchEvents({ place, noted }: FoundListener, names: readonly string[]): InvalidOptionError {
  const { events } = noted;
  const [which, how] = events === undefined ? ['', ''] : [` named "${events}"`, `{ name: '${events}' }`];
  return new InvalidOptionError({
    what: `${place} has @OnTransactionalEvent(), and the application has no EventsModule${which}`,
    remedy: `Import EventsModule.forRoot(${how}). The application has: ${names.length === 0 ? 'none' : names.join(', ')}`,
  });
}
