import { type Cache, type CacheDefinition, type CacheKey, createCache } from '../cache/index.ts';
import {
  aFunction,
  type Check,
  entriesByName,
  InvalidOptionError,
  knownToCopies,
  readOptions,
  refuseUncalled,
} from '../core/index.ts';
import { type CloseOptions, type Database, type Db, checkDatabase } from '../database/index.ts';
import {
  type ColumnOf,
  createModel,
  type KeyOf,
  type Model,
  type ModelDefinition,
  type RowOf,
} from '../model/index.ts';
import {
  type BoundQueues,
  createJobs,
  type Jobs,
  type QueueDefinitions,
  type QueueEngineFactory,
} from '../queue/index.ts';

/** Definitions by the names under which the program knows them. */
export type ModelDefinitions = Readonly<Record<string, { readonly table: string; readonly key: string }>>;

/** The models of a program, typed as they were defined. */
export type BoundModels<Definitions> = {
  readonly [Name in keyof Definitions]: Model<
    RowOf<Definitions[Name]>,
    KeyOf<Definitions[Name]> & ColumnOf<RowOf<Definitions[Name]>>
  >;
};

/** Cache definitions by the names under which the program knows them. */
export type CacheDefinitions = Readonly<Record<string, { readonly name: string }>>;

/** The caches of a program, typed as they were defined. */
export type BoundCaches<Definitions> = {
  readonly [Name in keyof Definitions]: Definitions[Name] extends CacheDefinition<infer Value, infer Key>
    ? Cache<Value, Key>
    : Cache<unknown>;
};

/** Options of `createApp`. */
export interface AppOptions<Models, Queues extends QueueDefinitions, Caches = CacheDefinitions> {
  /** Models by name, as `scope.model`. Default: none. */
  readonly models?: Models | undefined;
  /** Queues by name, as `scope.queue`. Default: none. */
  readonly queues?: Queues | undefined;
  /** Caches by name, as `scope.cacheRedis`. Default: none. */
  readonly caches?: Caches | undefined;
  /** Of the queues; default: `memory()`. */
  readonly engine?: QueueEngineFactory | undefined;
}

const checks: Record<keyof AppOptions<unknown, never>, Check> = {
  models: entriesByName,
  queues: entriesByName,
  caches: entriesByName,
  engine: aFunction,
};

/** What a class of the program is registered with. */
export interface Scope<Models, Queues extends QueueDefinitions, Caches> {
  /** The models by name. */
  readonly model: BoundModels<Models>;
  /** The queues by name. */
  readonly queue: BoundQueues<Queues>;
  /** The caches by name. */
  readonly cacheRedis: BoundCaches<Caches>;
}

/** What a class of the program sees: the same for all of an app. */
export interface BeanMembers<Models, Queues extends QueueDefinitions, Caches> {
  /** What belongs to the whole program. */
  readonly bean: {
    /** The database of the app. */
    readonly database: Database;
  };
  /** The models, queues and caches of the app. */
  readonly scope: Scope<Models, Queues, Caches>;
  /** What is current where it is looked at. */
  readonly ctx: {
    /** The handle on the current client; it follows the ambient transaction. */
    readonly db: Db;
  };
}

/**
 * What a program is made of, for its classes: `class ServicePost extends app.Bean` has `this.scope.model`,
 * `this.scope.queue`, `this.bean.database` and `this.ctx.db`, typed as they were given. It is not a framework: a class
 * is made with `new`, wherever that is.
 */
export class App<
  const Models = object,
  const Queues extends QueueDefinitions = QueueDefinitions,
  const Caches = CacheDefinitions,
> {
  static {
    knownToCopies(App, 'app');
  }

  /** The database that the app was created with. */
  readonly database: Database;
  /** The models, queues and caches by name; frozen. */
  readonly scope: Scope<Models, Queues, Caches>;
  readonly #jobs: Jobs<Queues> | undefined;
  /** The class that those of the program extend. */
  readonly Bean: new () => BeanMembers<Models, Queues, Caches>;

  constructor(database: Database, options: AppOptions<Models, Queues, Caches> = {}) {
    checkDatabase('createApp', database);
    const { models, queues, caches, engine } = readOptions('createApp', options, checks);
    this.database = database;
    if (queues !== undefined) this.#jobs = createJobs(database, { queues, engine });
    for (const [name, definition] of Object.entries({ ...models, ...caches }))
      refuseUncalled('createApp', name, definition);
    const bound = Object.entries((models ?? {}) as ModelDefinitions).map(
      ([name, definition]) => [name, createModel(database, definition as ModelDefinition)] as const,
    );
    const boundCaches = Object.entries((caches ?? {}) as Record<string, CacheDefinition<unknown, CacheKey>>).map(
      ([name, definition]) => [name, createCache(database, definition)] as const,
    );
    const scope: Scope<Models, Queues, Caches> = Object.freeze({
      model: Object.freeze(Object.fromEntries(bound)) as unknown as BoundModels<Models>,
      queue: this.#jobs?.queues ?? ({} as BoundQueues<Queues>),
      cacheRedis: Object.freeze(Object.fromEntries(boundCaches)) as unknown as BoundCaches<Caches>,
    });
    this.scope = scope;
    const bean = Object.freeze({ database });
    const ctx = Object.freeze({
      get db(): Db {
        return database.current;
      },
    });
    this.Bean = class Bean {
      readonly bean: BeanMembers<Models, Queues, Caches>['bean'] = bean;
      readonly scope: Scope<Models, Queues, Caches> = scope;
      readonly ctx: BeanMembers<Models, Queues, Caches>['ctx'] = ctx;
    };
  }

  /** The queues with their workers. @throws InvalidOptionError for an app without queues */
  get jobs(): Jobs<Queues> {
    if (this.#jobs !== undefined) return this.#jobs;
    throw new InvalidOptionError({ what: 'The app has no queues', remedy: 'Give createApp() their definitions' });
  }

  /** Ends the queues, and then the database. */
  async close(options: CloseOptions = {}): Promise<void> {
    await this.#jobs?.close(options);
    await this.database.close(options);
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Puts a program together for its classes.
 *
 * ```ts
 * const app = createApp(database, { models: { product: defineModel<Product>({ table: 'product', key: 'id' }) } });
 * class Products extends app.Bean {
 *   @Database.transaction()
 *   async add(name: string): Promise<Product> {
 *     return await this.scope.model.product.insert({ name, stock: 0 });
 *   }
 * }
 * ```
 * @throws InvalidOptionError
 */
export function createApp<
  const Models extends ModelDefinitions = ModelDefinitions,
  const Queues extends QueueDefinitions = QueueDefinitions,
  const Caches extends CacheDefinitions = CacheDefinitions,
>(database: Database, options: AppOptions<Models, Queues, Caches> = {}): App<Models, Queues, Caches> {
  return new App(database, options);
}
