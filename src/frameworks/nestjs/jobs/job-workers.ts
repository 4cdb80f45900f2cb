import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import { InvalidOptionError } from '../../../index.ts';
import { type Job, type Jobs, UnknownQueueError } from '../../../queue/index.ts';
import { type DecoratedMethod, decoratedMethods } from '../decorated/methods.ts';
import type { OpenParts } from '../parts/open-parts.ts';
import { handlerKey, type NotedHandler } from './job-handler.ts';

type FoundHandler = DecoratedMethod<NotedHandler, Job>;

/** Gives the handlers of an application to a worker when it starts, and ends the workers when it ends. */
export class JobWorkers {
  readonly #jobs: Jobs;
  readonly #parts: OpenParts;
  readonly #discovery: DiscoveryService;
  readonly #moduleRef: ModuleRef;
  readonly #isWorking: boolean;

  constructor(jobs: Jobs, parts: OpenParts, discovery: DiscoveryService, moduleRef: ModuleRef, isWorking: boolean) {
    this.#jobs = jobs;
    this.#parts = parts;
    this.#discovery = discovery;
    this.#moduleRef = moduleRef;
    this.#isWorking = isWorking;
  }

  /** Nest calls it when all providers are there, before servers listen. */
  onApplicationBootstrap(): void {
    const all = decoratedMethods<NotedHandler, Job>(handlerKey, this.#discovery, this.#moduleRef);
    const everywhere = this.#parts.queueNames;
    const unknown = all.find(({ noted }) => !everywhere.includes(noted.queue.name));
    if (unknown !== undefined) throw noSuchQueue(unknown, everywhere);
    const names = new Set(Object.values(this.#jobs.queues).map(({ name }) => name));
    const found = all.filter(({ noted }) => names.has(noted.queue.name));
    refuseSeconds(found);
    if (!this.#isWorking || found.length === 0) return;
    const worker = this.#jobs.worker();
    for (const { noted, run } of found) worker.handle(noted.queue as never, run, noted.options);
  }

  /** Nest calls it when its servers are closed; earlier for modules that are not global than for those that are. */
  async onApplicationShutdown(): Promise<void> {
    await this.#parts.closeJobs();
  }
}

function refuseSeconds(found: readonly FoundHandler[]): void {
  const first = new Map<string, FoundHandler>();
  for (const handler of found) {
    const { name } = handler.noted.queue;
    const other = first.get(name);
    if (other !== undefined) {
      throw new InvalidOptionError({
        what: `The queue "${name}" has two handlers: ${other.place} and ${handler.place}`,
        remedy: 'Give each queue one method with @JobHandler(), in a class that one module provides',
      });
    }
    first.set(name, handler);
  }
}

function noSuchQueue({ place, noted: { queue } }: FoundHandler, names: readonly string[]): UnknownQueueError {
  return new UnknownQueueError({
    what: `${place} has @JobHandler() for the queue "${queue.name}", which no JobsModule of the application has`,
    remedy: `Give its definition to JobsModule.forRoot({ queues }). The queues are: ${names.join(', ')}`,
  });
}
