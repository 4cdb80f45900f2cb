import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, ModuleRef } from '@nestjs/core';
import {
  aBoolean,
  aFunction,
  anything,
  type Check,
  entriesByName,
  fieldOf,
  label,
  milliseconds,
  readOptions,
} from '../../../core/index.ts';
import type { Database } from '../../../database/index.ts';
import { createJobs, type Jobs, type JobsOptions, type QueueDefinitions } from '../../../queue/index.ts';
import { aList } from '../parts/checks.ts';
import { coreModule, noteKnown } from '../parts/core-module.ts';
import { JobWorkers } from './job-workers.ts';
import { OpenParts } from '../parts/open-parts.ts';
import { defaultName, getDatabaseToken, getJobsToken, getQueueToken, noteAsked } from '../parts/tokens.ts';

/** Options of `JobsModule.forRoot`, in addition to those of `createJobs`. */
export interface JobsModuleOptions {
  /** Under which the jobs are injected: needed where the application has several JobsModules. Default: none. */
  readonly name?: string | undefined;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** Whether this process runs the methods with `@JobHandler()`; without, it pushes and waits. Default true. */
  readonly workers?: boolean | undefined;
  /** How long running jobs may take to end at the shutdown, in milliseconds; then they go back into the queue. Default 10,000. */
  readonly shutdownTimeout?: number | undefined;
}

/** Options of `JobsModule.forRootAsync`, in addition to those of `JobsModule.forRoot`, less those of `createJobs`. */
export interface JobsModuleAsyncOptions<
  Dependencies extends readonly unknown[] = readonly never[],
> extends JobsModuleOptions {
  /** The definitions of the queues, which are known before the factory runs. */
  readonly queues: QueueDefinitions;
  /** Modules with what the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The tokens of what the factory needs, in the order of its parameters. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns the options of `createJobs`, without `queues`. */
  readonly useFactory: (...dependencies: Dependencies) => JobsSettings | Promise<JobsSettings>;
}

/** What the factory of `JobsModule.forRootAsync` returns. */
export type JobsSettings = Omit<JobsOptions<QueueDefinitions>, 'queues'>;

const own: Record<keyof JobsModuleOptions, Check> = {
  name: label(200),
  database: label(200),
  workers: aBoolean,
  shutdownTimeout: milliseconds(0),
};
/** At least one, and nothing but definitions. */
const definitions: Check = Object.assign(
  (value: unknown) => {
    const found = entriesByName(value) === undefined ? Object.values(value as QueueDefinitions) : [];
    return found.length > 0 && found.every(isDefinition) ? undefined : "{ invoice: defineQueue('invoice') }";
  },
  { read: entriesByName.read },
);

function isDefinition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof fieldOf(value, 'name') === 'string' && typeof fieldOf(value, 'options') === 'object';
}

/** What `createJobs` checks when it gets it. */
const jobsChecks: Record<keyof JobsOptions<never>, Check> = {
  queues: definitions,
  engine: anything,
  relay: anything,
  enqueueTimeout: anything,
};
const asyncChecks: Record<keyof JobsModuleAsyncOptions, Check> = {
  ...own,
  queues: definitions,
  imports: aList,
  inject: aList,
  useFactory: aFunction,
};

/** The providers that every module can inject. */
class JobsCoreModule {
  static {
    Module({})(this);
  }
}

/**
 * Gives an application its queues, and the workers for its methods with `@JobHandler()`. The queues can be injected everywhere.
 * Import it in the root module, next to `SluiceModule`.
 *
 * ```ts
 * JobsModule.forRoot({ queues: { invoice }, engine: memory() });
 * ```
 */
export class JobsModule {
  static {
    Module({})(this);
  }

  /**
   * Makes the jobs with the options of `createJobs`.
   * @throws InvalidOptionError; when the application starts for what is wrong with those of `createJobs`
   */
  static forRoot<const Definitions extends QueueDefinitions>(
    options: JobsModuleOptions & JobsOptions<Definitions>,
  ): DynamicModule {
    const read = readOptions('JobsModule.forRoot', options, { ...own, ...jobsChecks }, ['queues']);
    const { name, database, workers, shutdownTimeout, ...settings } = read;
    const others = { name, database, workers, shutdownTimeout };
    return moduleOf(others, settings.queues, { useFactory: () => settings });
  }

  /**
   * The same, with an engine that needs other providers.
   *
   * ```ts
   * JobsModule.forRootAsync({
   *   queues: { invoice },
   *   inject: ['REDIS_URL'],
   *   useFactory: (connection: string) => ({ engine: bullmq({ connection }) }),
   * });
   * ```
   * @throws InvalidOptionError; when the application starts for what the factory returns
   */
  static forRootAsync<const Dependencies extends readonly unknown[]>(
    options: JobsModuleAsyncOptions<Dependencies>,
  ): DynamicModule {
    const owner = 'JobsModule.forRootAsync';
    const read = readOptions(owner, options, asyncChecks, ['queues', 'useFactory']);
    const { queues, imports, inject, useFactory, ...others } = read;
    return moduleOf(others, queues, {
      imports,
      inject,
      useFactory: async (...dependencies: unknown[]) => ({
        ...(await useFactory(...(dependencies as unknown as Dependencies))),
        queues,
      }),
    });
  }
}

/** Where the options of `createJobs` come from. */
interface SettingsFactory {
  readonly imports?: ModuleMetadata['imports'] | undefined;
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (
    ...dependencies: unknown[]
  ) => JobsOptions<QueueDefinitions> | Promise<JobsOptions<QueueDefinitions>>;
}

/**
 * The queues stand in a global module, the workers in one that is not: these end before the global modules do, in which others
 * keep what handlers use.
 */
function moduleOf(options: JobsModuleOptions, queues: QueueDefinitions, factory: SettingsFactory): DynamicModule {
  const { name = defaultName, workers = true } = options;
  const token = getJobsToken(name);
  return {
    module: JobsModule,
    imports: [queuesModule(options, queues, factory), coreModule, DiscoveryModule],
    providers: [
      {
        provide: `${token} workers`,
        inject: [token, OpenParts, DiscoveryService, ModuleRef],
        useFactory: (jobs: Jobs, parts: OpenParts, discovery: DiscoveryService, moduleRef: ModuleRef) =>
          new JobWorkers(jobs, parts, discovery, moduleRef, workers),
      },
    ],
  };
}

function queuesModule(
  { name = defaultName, database, shutdownTimeout: timeout = 10_000 }: JobsModuleOptions,
  queues: QueueDefinitions,
  { imports = [], inject = [], useFactory }: SettingsFactory,
): DynamicModule {
  if (database !== undefined) noteAsked('database', database);
  const token = getJobsToken(name);
  const settings = `${token} settings`;
  const queueProviders = namesOf(queues).map(([key, queueName]): Provider & { readonly provide: string } => {
    noteKnown('queue', queueName);
    return {
      provide: getQueueToken(queueName),
      inject: [token],
      useFactory: ({ queues: bound }: Jobs) => (bound as Readonly<Record<string, unknown>>)[key],
    };
  });
  return {
    module: JobsCoreModule,
    global: true,
    imports: [...imports, coreModule],
    providers: [
      { provide: settings, inject: [...inject], useFactory },
      { provide: token, inject: [getDatabaseToken(database), settings, OpenParts], useFactory: open },
      ...queueProviders,
    ],
    exports: [token, ...queueProviders.map(({ provide }) => provide)],
  };

  function open(opened: Database, read: JobsOptions<QueueDefinitions>, parts: OpenParts): Jobs {
    const jobs = createJobs(opened, read);
    parts.addJobs(name, { jobs, isOwn: true, timeout });
    return jobs;
  }
}

/** The names of queues, by those under which the program knows them. */
function namesOf(queues: QueueDefinitions): [key: string, name: string][] {
  return Object.entries(queues).map(([key, { name }]) => [key, name]);
}
