import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { aBoolean, anything, type Check, label, milliseconds, readOptions } from '../../core/index.ts';
import type { Database } from '../../database/index.ts';
import { createEvents, Events, type EventsOptions } from '../../events/index.ts';
import { coreModule } from './parts/core-module.ts';
import { OpenParts } from './parts/open-parts.ts';
import { defaultName, getDatabaseToken, getEventsToken, noteAsked } from './parts/tokens.ts';

/** Options of `EventsModule.forRoot`, in addition to those of `createEvents`. */
export interface EventsModuleOptions {
  /** Under which the events are injected: needed where the application has several EventsModules. Default: none. */
  readonly name?: string | undefined;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** Whether this process runs durable listeners; without, it publishes to them. Default true. */
  readonly durable?: boolean | undefined;
  /** How long durable listeners may take to end at the shutdown, in milliseconds; then they run elsewhere. Default 10,000. */
  readonly shutdownTimeout?: number | undefined;
}

const checks: Record<keyof EventsModuleOptions | keyof EventsOptions, Check> = {
  name: label(200),
  database: label(200),
  durable: aBoolean,
  shutdownTimeout: milliseconds(0),
  // What `createEvents` checks when it gets it.
  clientName: anything,
  completion: anything,
  retention: anything,
  concurrency: anything,
  pollInterval: anything,
  attempts: anything,
  retryDelay: anything,
  maxPayload: anything,
};

/** The providers that every module can inject. */
class EventsCoreModule {
  static {
    Module({})(this);
  }
}

/** Runs the durable listeners of an application. */
class DurableListeners {
  readonly #events: Events;
  readonly #timeout: number;

  constructor(events: Events, timeout: number) {
    this.#events = events;
    this.#timeout = timeout;
  }

  start(): void {
    this.#events.start();
  }

  async stop(): Promise<void> {
    await this.#events.stop({ timeout: this.#timeout });
  }

  /** Nest calls it when its servers are closed; earlier for modules that are not global than for those that are. */
  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }
}

/**
 * Gives an application its transactional events, and runs its methods with `@OnTransactionalEvent()`. The events can be injected
 * everywhere. Import it in the root module, next to `SluiceModule`.
 *
 * ```ts
 * EventsModule.forRoot({ completion: 'archive' });
 * ```
 */
export class EventsModule {
  static {
    Module({})(this);
  }

  /**
   * Makes the events with the options of `createEvents`.
   * @throws InvalidOptionError; when the application starts for what is wrong with those of `createEvents`
   */
  static forRoot(options: EventsModuleOptions & EventsOptions = {}): DynamicModule {
    const read = readOptions('EventsModule.forRoot', options, checks);
    const { name = defaultName, database, durable = true, shutdownTimeout = 10_000, ...settings } = read;
    if (database !== undefined) noteAsked('database', database);
    const token = getEventsToken(name);
    const open = (opened: Database, parts: OpenParts): Events => {
      const events = createEvents(opened, settings);
      parts.addEvents(name, events);
      return events;
    };
    const byClass: Provider[] = name === defaultName ? [{ provide: Events, useExisting: token }] : [];
    const global: DynamicModule = {
      module: EventsCoreModule,
      global: true,
      imports: [coreModule],
      providers: [{ provide: token, inject: [getDatabaseToken(database), OpenParts], useFactory: open }, ...byClass],
      exports: [token, ...(name === defaultName ? [Events] : [])],
    };
    const listening: Provider = {
      provide: `${token} listening`,
      inject: [token, OpenParts],
      useFactory: (events: Events, parts: OpenParts) => {
        const listeners = new DurableListeners(events, shutdownTimeout);
        if (durable) parts.relays.add(listeners);
        return listeners;
      },
    };
    return { module: EventsModule, imports: [global, coreModule], providers: [listening] };
  }
}
