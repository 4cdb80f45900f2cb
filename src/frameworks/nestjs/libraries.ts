import type { FactoryProvider, InjectionToken, ModuleMetadata } from '@nestjs/common';
import { aFunction, anything, type Check, label, readOptions } from '../../core/index.ts';
import { SluiceError } from '../../index.ts';
import type { Database } from '../../database/index.ts';
import { aList } from './parts/checks.ts';
import { getDatabaseToken, noteAsked } from './parts/tokens.ts';

/** Options of `provideHandle`. */
export interface HandleProviderOptions<Handle, Dependencies extends readonly unknown[] = readonly never[]> {
  /** The token under which the handle is injected: a class such as `Kysely`, or a name. */
  readonly provide: InjectionToken;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** The tokens of what the factory needs in addition to the database. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Makes the handle; it gets the database first. */
  readonly useFactory: (database: Database, ...dependencies: Dependencies) => Handle | Promise<Handle>;
}

const handleChecks: Record<keyof HandleProviderOptions<unknown>, Check> = {
  provide: anything,
  database: label(200),
  inject: aList,
  useFactory: aFunction,
};

/**
 * A provider for what a library needs to work on a database: Kysely, Drizzle, Prisma, Knex, MikroORM.
 *
 * ```ts
 * import { Kysely, PostgresDialect } from 'kysely';
 * const kyselyProvider = provideHandle({
 *   provide: Kysely,
 *   useFactory: (database) =>
 *     bindKysely(new Kysely<Tables>({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database),
 * });
 * ```
 * @throws InvalidOptionError
 */
export function provideHandle<Handle, const Dependencies extends readonly unknown[] = readonly never[]>(
  options: HandleProviderOptions<Handle, Dependencies>,
): FactoryProvider<Handle> {
  const read = readOptions('provideHandle', options, handleChecks, ['provide', 'useFactory']);
  const { provide, database, inject = [], useFactory } = read;
  if (database !== undefined) noteAsked('database', database);
  return {
    provide,
    inject: [getDatabaseToken(database), ...inject],
    useFactory: (opened: Database, ...dependencies: unknown[]) =>
      useFactory(opened, ...(dependencies as unknown as Dependencies)),
  };
}

/** Options of `TypeOrmModule` that are Nest's own. */
export interface TypeOrmModuleExtras {
  /** As in `TypeOrmModule`. */
  readonly autoLoadEntities?: boolean | undefined;
  /** As in `TypeOrmModule`. */
  readonly manualInitialization?: boolean | undefined;
}

/** Options of `typeOrmOptions`. */
export interface TypeOrmProviderOptions<
  Options extends object,
  Dependencies extends readonly unknown[] = readonly never[],
> {
  /** The name of the data source, as in `TypeOrmModule.forRootAsync({ name })`. Default: none. */
  readonly name?: string | undefined;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** Modules with what the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The tokens of what the factory needs. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns the options of `createDataSource(database, options)`, and `autoLoadEntities`. */
  readonly useFactory: (
    ...dependencies: Dependencies
  ) => (Options & TypeOrmModuleExtras) | Promise<Options & TypeOrmModuleExtras>;
}

/** What `TypeOrmModule.forRootAsync` takes. */
export interface TypeOrmModuleInput<DataSource> {
  /** The name of the data source. */
  readonly name?: string;
  /** Modules with what the factory needs. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** The tokens of the database, and of what the factory needs. */
  readonly inject: InjectionToken[];
  /** Returns the options of the data source. */
  readonly useFactory: (...dependencies: unknown[]) => Promise<{
    /** Does not wait for errors that stay. */
    readonly toRetry?: (error: unknown) => boolean;
  }>;
  /** Makes the data source. */
  readonly dataSourceFactory: (options?: object) => Promise<DataSource>;
}

const typeOrmChecks: Record<keyof TypeOrmProviderOptions<object>, Check> = {
  name: label(200),
  database: label(200),
  imports: aList,
  inject: aList,
  useFactory: aFunction,
};

/** Under which the database travels through the options of TypeOrmModule. */
const databaseKey = Symbol('database');
/** What `TypeOrmModule` takes for itself. */
const nestOptions = new Set([
  'name',
  'autoLoadEntities',
  'manualInitialization',
  'retryAttempts',
  'retryDelay',
  'toRetry',
  'verboseRetryLog',
]);

/**
 * Options for `TypeOrmModule.forRootAsync`, with a data source whose statements join the ambient transaction.
 *
 * ```ts
 * const options = typeOrmOptions(createDataSource, { useFactory: () => ({ autoLoadEntities: true }) });
 * ```
 * @param createDataSource that of `sluice/typeorm`
 * @throws InvalidOptionError
 */
export function typeOrmOptions<Options extends object, DataSource, const Dependencies extends readonly unknown[]>(
  createDataSource: (database: Database, options?: Options) => DataSource,
  options: TypeOrmProviderOptions<Options, Dependencies>,
): TypeOrmModuleInput<DataSource> {
  const {
    name,
    database,
    imports,
    inject = [],
    useFactory,
  } = readOptions('typeOrmOptions', options, typeOrmChecks, ['useFactory']);
  if (database !== undefined) noteAsked('database', database);
  return {
    ...(name === undefined ? {} : { name }),
    ...(imports === undefined ? {} : { imports }),
    inject: [getDatabaseToken(database), ...inject],
    useFactory: async (...[opened, ...dependencies]: unknown[]) => ({
      // An option that is refused is refused the next time, too.
      toRetry: (error: unknown) => !(error instanceof SluiceError),
      ...(await useFactory(...(dependencies as unknown as Dependencies))),
      [databaseKey]: opened,
    }),
    dataSourceFactory: (all = {}) => {
      const { [databaseKey]: opened, ...others } = all as Record<string | symbol, unknown>;
      const own = Object.fromEntries(Object.entries(others).filter(([key]) => !nestOptions.has(key)));
      return Promise.resolve(createDataSource(opened as Database, own as Options));
    },
  };
}
