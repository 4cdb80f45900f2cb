import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import {
  aBoolean,
  aFunction,
  type Check,
  InvalidOptionError,
  label,
  milliseconds,
  readOpen,
  readOptions,
} from '../../core/index.ts';
import {
  checkDatabase,
  createDatabase,
  Database,
  type DatabaseOptions,
  readDatabaseOptions,
} from '../../database/index.ts';
import { aList } from './parts/checks.ts';
import { coreModule, noteKnown } from './parts/core-module.ts';
import { OpenParts } from './parts/open-parts.ts';
import { defaultName, getDatabaseToken, noteAsked } from './parts/tokens.ts';

/** Options of `SluiceModule.forRoot`, in addition to those of the database. */
export interface SluiceModuleOptions {
  /** Under which the database is injected: needed where the application has several. Default: none. */
  readonly name?: string | undefined;
  /** Whether the application closes the database when it ends. Default: true for one that the module makes, false for a given one. */
  readonly closeOnShutdown?: boolean | undefined;
  /** How long running work may take to end at the shutdown, in milliseconds; then it is rolled back. Default 10,000. */
  readonly shutdownTimeout?: number | undefined;
  /**
   * For how long the servers go on after the signal to end, in milliseconds: until then health checks say `down`, and answers have
   * `Connection: close`, so that load balancers and clients leave. Of several databases the longest counts. Default 0.
   */
  readonly drainDelay?: number | undefined;
}

/** What a module's database comes from: options of `createDatabase`, or a database that is there. */
export type DatabaseSource =
  | DatabaseOptions
  | {
      /** What `createDatabase` returned. */
      readonly database: Database;
    };

/** What the factory of `SluiceModule.forRootAsync` returns. */
export type SluiceModuleSettings = Omit<SluiceModuleOptions, 'name'> & DatabaseSource;

/** Options of `SluiceModule.forRootAsync`. */
export interface SluiceModuleAsyncOptions<Dependencies extends readonly unknown[] = readonly never[]> {
  /** As in `forRoot`. */
  readonly name?: string | undefined;
  /** Modules with what the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The tokens of what the factory needs, in the order of its parameters. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns what `forRoot` takes, without `name`. */
  readonly useFactory: (...dependencies: Dependencies) => SluiceModuleSettings | Promise<SluiceModuleSettings>;
}

/** Options of `SluiceModule.forFeature`. */
export interface SluiceFeatureOptions {
  /** The database, as in `forRoot({ name })`. */
  readonly database: string;
}

const own: Record<keyof SluiceModuleOptions, Check> = {
  name: label(200),
  closeOnShutdown: aBoolean,
  shutdownTimeout: milliseconds(0),
  drainDelay: milliseconds(0, 600_000),
};
const asyncChecks: Record<keyof SluiceModuleAsyncOptions, Check> = {
  name: label(200),
  imports: aList,
  inject: aList,
  useFactory: aFunction,
};
const featureChecks: Record<keyof SluiceFeatureOptions, Check> = { database: label(200) };

/** The settings of a module, once they were read. */
interface Settings {
  readonly source: DatabaseSource;
  readonly options: SluiceModuleOptions;
}

/**
 * Has what a feature means by its database. Handed on by another module, since Nest before 11.1.29 takes for what a module exports
 * itself the last one of its importer's modules that has it, which is a global one, as soon as it has been made.
 */
class FeatureModule {
  static {
    Module({})(this);
  }
}

/** Databases that a module has made. */
const made = new WeakSet<Database>();

/**
 * Gives an application its database: to inject, for `@Transactional()` and for jobs; closed when the application ends. It is
 * global. Import it once for each database, before modules that use databases when they end.
 *
 * ```ts
 * SluiceModule.forRoot({ clients: { default: postgres({ connectionString: process.env.DATABASE_URL }) } });
 * SluiceModule.forRoot({ name: 'reports', database });
 * ```
 */
export class SluiceModule {
  static {
    Module({})(this);
  }

  /**
   * Makes a database of the options of `createDatabase`, or takes one that is there.
   * @throws InvalidOptionError; a second database of the same name when the application starts
   */
  static forRoot(options: SluiceModuleOptions & DatabaseSource): DynamicModule {
    const settings = readSettings('SluiceModule.forRoot', options);
    return moduleOf(settings.options.name, { useFactory: () => settings });
  }

  /**
   * The same, with options that come from other providers.
   *
   * ```ts
   * SluiceModule.forRootAsync({
   *   inject: ['DATABASE_URL'],
   *   useFactory: (connectionString: string) => ({ clients: { default: postgres({ connectionString }) } }),
   * });
   * ```
   * @throws InvalidOptionError, for what the factory returns when the application starts
   */
  static forRootAsync<const Dependencies extends readonly unknown[]>(
    options: SluiceModuleAsyncOptions<Dependencies>,
  ): DynamicModule {
    const owner = 'SluiceModule.forRootAsync';
    const { name, imports, inject, useFactory } = readOptions(owner, options, asyncChecks, ['useFactory']);
    return moduleOf(name, {
      imports,
      inject,
      useFactory: async (...dependencies: unknown[]) =>
        readSettings(`The factory of ${owner}`, await useFactory(...(dependencies as unknown as Dependencies))),
    });
  }

  /**
   * Has `@InjectDatabase()` and `@Transactional()` mean a named database in the module that imports it.
   *
   * ```ts
   * const imports = [SluiceModule.forFeature({ database: 'reports' })];
   * ```
   * @throws InvalidOptionError
   */
  static forFeature(options: SluiceFeatureOptions): DynamicModule {
    const { database } = readOptions('SluiceModule.forFeature', options, featureChecks, ['database']);
    noteAsked('database', database);
    const feature: DynamicModule = { module: FeatureModule, ...exported(aliases(getDatabaseToken(database))) };
    return { module: SluiceModule, imports: [feature], exports: [feature] };
  }
}

/** The database where none is named, and its class, which is what Nest knows of a parameter `database: Database`. */
function aliases(token: string): Provider[] {
  const byClass: Provider = { provide: Database, useExisting: token };
  return token === getDatabaseToken() ? [byClass] : [{ provide: getDatabaseToken(), useExisting: token }, byClass];
}

function exported(providers: readonly Provider[]): Required<Pick<DynamicModule, 'providers' | 'exports'>> {
  const tokens = providers.map((provider) => (provider as { readonly provide: InjectionToken }).provide);
  return { providers: [...providers], exports: tokens };
}

/** Where the settings of a module come from. */
interface SettingsFactory {
  readonly imports?: ModuleMetadata['imports'] | undefined;
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (...dependencies: unknown[]) => Settings | Promise<Settings>;
}

function moduleOf(
  name: string = defaultName,
  { imports = [], inject = [], useFactory }: SettingsFactory,
): DynamicModule {
  noteKnown('database', name);
  const token = getDatabaseToken(name);
  const settings = `${token} settings`;
  const { providers, exports } = exported([
    { provide: token, inject: [settings], useFactory: openDatabase },
    ...(name === defaultName ? aliases(token) : []),
  ]);
  const others: Provider[] = [
    { provide: settings, inject: [...inject], useFactory },
    { provide: `${token} opened`, inject: [OpenParts, token, settings], useFactory: noteOpened(name) },
  ];
  return {
    module: SluiceModule,
    global: true,
    imports: [...imports, coreModule],
    providers: [...others, ...providers],
    exports,
  };
}

function openDatabase({ source }: Settings): Database {
  if ('database' in source) return source.database;
  const database = createDatabase(source);
  made.add(database);
  return database;
}

/** A test may have put another database in its place. */
function noteOpened(name: string): (parts: OpenParts, database: Database, settings: Settings) => string {
  return (parts, database, { options }) => {
    const { closeOnShutdown = made.has(database), shutdownTimeout = 10_000, drainDelay = 0 } = options;
    parts.addDatabase(name, { database, isOwn: closeOnShutdown, timeout: shutdownTimeout, drainDelay });
    return name;
  };
}

function readSettings(owner: string, given: SluiceModuleOptions & DatabaseSource): Settings {
  const all = readOpen(owner, given, ['name', 'closeOnShutdown', 'shutdownTimeout', 'drainDelay']);
  const { name, closeOnShutdown, shutdownTimeout, drainDelay, ...source } = all;
  const options = readOptions<SluiceModuleOptions>(owner, { name, closeOnShutdown, shutdownTimeout, drainDelay }, own);
  if (!('database' in source)) return { options, source: readDatabaseOptions(source) };
  const { database, ...others } = source;
  checkDatabase(owner, database);
  const [foreign] = Object.keys(others);
  if (foreign === undefined) return { options, source: { database } };
  throw new InvalidOptionError({
    what: `${owner} got a database, and "${foreign}" as well`,
    remedy: `Give "${foreign}" to createDatabase(), or leave out "database"`,
  });
}
