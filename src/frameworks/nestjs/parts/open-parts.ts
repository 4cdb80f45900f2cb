import { Logger } from '@nestjs/common';
import { setTimeout } from 'node:timers/promises';
import { InvalidOptionError } from '../../../index.ts';
import type { Database } from '../../../database/index.ts';
import type { Events } from '../../../events/index.ts';
import type { Jobs } from '../../../queue/index.ts';
import type { SagasControl } from '../../../saga/index.ts';
import { UnknownDatabaseError } from './errors.ts';

/** What the shutdown does with a part of an application. */
export interface Closing {
  /** Whether the application closes it. */
  readonly isOwn: boolean;
  /** How long running work may take to end, in milliseconds. */
  readonly timeout: number;
}

/** A database of an application. */
export interface OpenDatabase extends Closing {
  readonly database: Database;
  /** Milliseconds for which the servers go on after the signal to end. */
  readonly drainDelay: number;
}

/** The jobs of an application. */
export interface OpenJobs extends Closing {
  readonly jobs: Jobs;
}

/** The sagas of an application. */
export interface OpenSagas extends Pick<Closing, 'timeout'> {
  readonly sagas: SagasControl;
}

/** What runs between the jobs and the databases: a relay, durable listeners. */
export interface Runs {
  start(): void;
  stop(): Promise<unknown>;
}

/**
 * The open parts of one application, which end in their order: the servers (Nest closes them before `onApplicationShutdown`), then
 * the sagas, the workers, the relays and last the databases.
 */
export class OpenParts {
  readonly databases: Map<string, OpenDatabase> = new Map<string, OpenDatabase>();
  readonly jobs: Map<string, OpenJobs> = new Map<string, OpenJobs>();
  readonly sagas: Map<string, OpenSagas> = new Map<string, OpenSagas>();
  readonly events: Map<string, Events> = new Map<string, Events>();
  readonly relays: Set<Runs> = new Set<Runs>();
  readonly #logger = new Logger('Sluice');
  #isEnding = false;

  /** Whether the application is about to end: it still answers, and wants no more requests. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  addDatabase(name: string, opened: OpenDatabase): void {
    if (this.databases.has(name)) throw twice('SluiceModule', 'databases', name);
    this.databases.set(name, opened);
  }

  addJobs(name: string, opened: OpenJobs): void {
    if (this.jobs.has(name)) throw twice('JobsModule', 'jobs', name);
    const others = new Set([...this.jobs.values()].flatMap(({ jobs }) => queueNamesOf(jobs)));
    const both = queueNamesOf(opened.jobs).find((queue) => others.has(queue));
    if (both !== undefined) {
      throw new InvalidOptionError({
        what: `Two JobsModules of the application have the queue "${both}"`,
        remedy: 'Give each queue to one JobsModule',
      });
    }
    this.jobs.set(name, opened);
  }

  addSagas(name: string, opened: OpenSagas): void {
    if (this.sagas.has(name)) throw twice('SagasModule', 'sagas', name);
    this.sagas.set(name, opened);
  }

  addEvents(name: string, opened: Events): void {
    if (this.events.has(name)) throw twice('EventsModule', 'events', name);
    this.events.set(name, opened);
  }

  /** The names of all queues of the application. */
  get queueNames(): string[] {
    return [...this.jobs.values()].flatMap(({ jobs }) => queueNamesOf(jobs));
  }

  /** Nest calls it when all providers are there. */
  onApplicationBootstrap(): void {
    for (const relay of this.relays) relay.start();
  }

  /** Nest calls it when the application is to end, while its servers still answer. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#isEnding = true;
    const drainDelay = Math.max(0, ...[...this.databases.values()].map((opened) => opened.drainDelay));
    if (drainDelay > 0) await setTimeout(drainDelay);
  }

  /** Nest calls it when the servers have answered what they had accepted. */
  async onApplicationShutdown(): Promise<void> {
    this.#isEnding = true;
    await this.closeJobs();
    await this.#all([...this.relays].map((relay) => relay.stop()));
    const own = [...this.databases.values()].filter(({ isOwn }) => isOwn);
    await this.#all(own.map(({ database, timeout }) => database.close({ timeout })));
  }

  /** Takes no more sagas, and gives back what has not ended in time. */
  async closeSagas(): Promise<void> {
    await this.#all([...this.sagas.values()].map(({ sagas, timeout }) => sagas.stop({ timeout })));
  }

  /** Ends the sagas, whose steps may await jobs, then the workers, and what waits for jobs. */
  async closeJobs(): Promise<void> {
    await this.closeSagas();
    await this.#all([...this.jobs.values()].map(({ jobs, timeout }) => jobs.close({ timeout })));
  }

  /** What fails to end keeps nothing else from ending. */
  async #all(endings: readonly Promise<unknown>[]): Promise<void> {
    for (const ending of await Promise.allSettled(endings)) {
      if (ending.status === 'rejected') this.#logger.error(ending.reason);
    }
  }
}

/** @throws UnknownDatabaseError, which lists the databases */
export function databaseNamed({ databases }: OpenParts, name: string, owner: string): Database {
  const found = databases.get(name)?.database;
  if (found !== undefined) return found;
  throw new UnknownDatabaseError({
    what: `${owner} names a database that the application does not have`,
    remedy: `Its databases are: ${[...databases.keys()].join(', ')}`,
  });
}

function queueNamesOf({ queues }: Jobs): string[] {
  return Object.values(queues as Readonly<Record<string, { readonly name: string }>>).map(({ name }) => name);
}

function twice(module: string, what: string, name: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `The application has two ${what} named "${name}"`,
    remedy: `Give each ${module}.forRoot() a name of its own, as in { name: 'reports' }; import a module that is used twice as one value`,
  });
}
