import { type DiscoveryService, MetadataScanner, type ModuleRef, ContextIdFactory } from '@nestjs/core';
import { InvalidOptionError } from '../../../index.ts';
import { type Job, type Jobs, UnknownQueueError } from '../../../queue/index.ts';
import { handlerKey, type NotedHandler } from './job-handler.ts';
import type { OpenParts } from '../parts/open-parts.ts';

/** A provider or controller, as Nest's discovery gives it. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Method = (data: unknown, job: Job) => unknown;

/** A handler that was found. */
interface FoundHandler extends NotedHandler {
  /** Its class and method, for errors. */
  readonly place: string;
  readonly run: Method;
}

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
    const all = this.#findHandlers();
    const everywhere = this.#parts.queueNames;
    const unknown = all.find(({ queue }) => !everywhere.includes(queue.name));
    if (unknown !== undefined) throw noSuchQueue(unknown, everywhere);
    const names = new Set(Object.values(this.#jobs.queues).map(({ name }) => name));
    const found = all.filter(({ queue }) => names.has(queue.name));
    refuseSeconds(found);
    if (!this.#isWorking || found.length === 0) return;
    const worker = this.#jobs.worker();
    for (const { queue, run, options } of found) worker.handle(queue as never, run, options);
  }

  /** Nest calls it when its servers are closed; earlier for modules that are not global than for those that are. */
  async onApplicationShutdown(): Promise<void> {
    await this.#parts.closeJobs();
  }

  #findHandlers(): FoundHandler[] {
    const scanner = new MetadataScanner();
    const seen = new Set<unknown>();
    const wrappers = [...this.#discovery.getProviders(), ...this.#discovery.getControllers()];
    return wrappers.flatMap((wrapper) => {
      const prototype = prototypeOf(wrapper);
      // An alias gives the object of another provider.
      const identity: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : wrapper.metatype;
      if (prototype === undefined || seen.has(identity)) return [];
      seen.add(identity);
      return scanner.getAllMethodNames(prototype).flatMap((key): FoundHandler[] => {
        const noted: unknown = Reflect.getMetadata(handlerKey, prototype[key] as object);
        if (noted === undefined) return [];
        const place = `${wrapper.metatype?.name ?? wrapper.name}.${key}`;
        return [{ ...(noted as NotedHandler), place, run: this.#methodOf(wrapper, key) }];
      });
    });
  }

  #methodOf(wrapper: Wrapper, key: string): Method {
    if (wrapper.isDependencyTreeStatic()) {
      const instance = wrapper.instance as Record<string, Method>;
      return (data, job) => instance[key]?.(data, job);
    }
    return async (data, job) => {
      const contextId = ContextIdFactory.create();
      this.#moduleRef.registerRequestByContextId(job, contextId);
      const instance: Record<string, Method> = await this.#moduleRef.resolve(wrapper.token, contextId, {
        strict: false,
      });
      return await instance[key]?.(data, job);
    };
  }
}

function prototypeOf(wrapper: Wrapper): Record<string, unknown> | undefined {
  const { instance, metatype } = wrapper as { readonly instance: unknown; readonly metatype: unknown };
  const found: unknown =
    wrapper.isDependencyTreeStatic() && typeof instance === 'object' && instance !== null
      ? Object.getPrototypeOf(instance)
      : typeof metatype === 'function'
        ? metatype.prototype
        : undefined;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined;
}

function refuseSeconds(found: readonly FoundHandler[]): void {
  const first = new Map<string, FoundHandler>();
  for (const handler of found) {
    const { name } = handler.queue;
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

function noSuchQueue({ place, queue }: FoundHandler, names: readonly string[]): UnknownQueueError {
  return new UnknownQueueError({
    what: `${place} has @JobHandler() for the queue "${queue.name}", which no JobsModule of the application has`,
    remedy: `Give its definition to JobsModule.forRoot({ queues }). The queues are: ${names.join(', ')}`,
  });
}
