import { Inject } from '@nestjs/common';
import {
  getDatabaseToken,
  getEventsToken,
  getJobsToken,
  getQueueToken,
  getSagasToken,
  noteAsked,
} from './parts/tokens.ts';

/** Marks a parameter of a constructor, or a property, which Nest fills. */
export type InjectDecorator = PropertyDecorator & ParameterDecorator;

/**
 * Injects the database of a `SluiceModule`: a `Database`.
 *
 * ```ts
 * class Sales {
 *   readonly #reports: Database;
 *
 *   constructor(@InjectDatabase('reports') reports: Database) {
 *     this.#reports = reports;
 *   }
 * }
 * ```
 * @param name as in `SluiceModule.forRoot({ name })`; default: the one without a name, or what `SluiceModule.forFeature` says.
 * One that is not there is an `UnknownDatabaseError` when the application starts
 */
export function InjectDatabase(name?: string): InjectDecorator {
  if (name !== undefined) noteAsked('database', name);
  return Inject(getDatabaseToken(name));
}

/**
 * Injects a queue of a `JobsModule`: a `Queue`, to which jobs are pushed.
 *
 * ```ts
 * class Checkout {
 *   readonly #invoices: Queue<{ orderId: number }, string>;
 *
 *   constructor(@InjectQueue(invoice) invoices: Queue<{ orderId: number }, string>) {
 *     this.#invoices = invoices;
 *   }
 * }
 * ```
 * @param queue its definition, or its name. One that no module has is an `UnknownQueueError` when the application starts
 */
export function InjectQueue(queue: string | { readonly name: string }): InjectDecorator {
  noteAsked('queue', typeof queue === 'string' ? queue : queue.name);
  return Inject(getQueueToken(queue));
}

/**
 * Injects the jobs of a `JobsModule`: a `Jobs`.
 *
 * ```ts
 * class Admin {
 *   readonly #jobs: Jobs;
 *
 *   constructor(@InjectJobs() jobs: Jobs) {
 *     this.#jobs = jobs;
 *   }
 * }
 * ```
 * @param name as in `JobsModule.forRoot({ name })`; default: the one without a name
 */
export function InjectJobs(name?: string): InjectDecorator {
  return Inject(getJobsToken(name));
}

/**
 * Injects the sagas of a `SagasModule`: a `Sagas`.
 *
 * ```ts
 * class Orders {
 *   readonly #sagas: Sagas<{ checkout: SagaDefinition<{ id: number }, number> }>;
 *
 *   constructor(@InjectSagas() sagas: Sagas<{ checkout: SagaDefinition<{ id: number }, number> }>) {
 *     this.#sagas = sagas;
 *   }
 * }
 * ```
 * @param name as in `SagasModule.forRoot({ name })`; default: the one without a name
 */
export function InjectSagas(name?: string): InjectDecorator {
  return Inject(getSagasToken(name));
}

/**
 * Injects the events of an `EventsModule`: `Events`, to which events are published.
 *
 * ```ts
 * class Checkout {
 *   readonly #events: Events;
 *
 *   constructor(@InjectEvents() events: Events) {
 *     this.#events = events;
 *   }
 * }
 * ```
 * @param name as in `EventsModule.forRoot({ name })`; default: those without a name
 */
export function InjectEvents(name?: string): InjectDecorator {
  return Inject(getEventsToken(name));
}
