import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata } from '@nestjs/common';
import { aBoolean, aFunction, anything, type Check, label, milliseconds, readOptions } from '../../../core/index.ts';
import type { Database } from '../../../database/index.ts';
import { createSagas, type SagaDefinitions, type SagasControl, type SagasOptions } from '../../../saga/index.ts';
import { aList } from '../parts/checks.ts';
import { coreModule } from '../parts/core-module.ts';
import { OpenParts } from '../parts/open-parts.ts';
import { defaultName, getDatabaseToken, getSagasToken, noteAsked } from '../parts/tokens.ts';
import { SagaWork } from './saga-work.ts';

/** Options of `SagasModule.forRoot`, in addition to those of `createSagas`. */
export interface SagasModuleOptions {
  /** Under which the sagas are injected: needed where the application has several SagasModules. Default: none. */
  readonly name?: string | undefined;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** Whether this process drives sagas from its start on; without, from when it first awaits one. Default true. */
  readonly workers?: boolean | undefined;
  /** How long running sagas may take to end, or to wait, at the shutdown, in milliseconds; then they go on elsewhere. Default 10,000. */
  readonly shutdownTimeout?: number | undefined;
}

/** Options of `SagasModule.forRootAsync`, in addition to those of `SagasModule.forRoot`, less those of `createSagas`. */
export interface SagasModuleAsyncOptions<
  Dependencies extends readonly unknown[] = readonly never[],
> extends SagasModuleOptions {
  /** Modules with what the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The tokens of what the factory needs, in the order of its parameters. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns the options of `createSagas`. */
  readonly useFactory: (
    ...dependencies: Dependencies
  ) => SagasOptions<SagaDefinitions> | Promise<SagasOptions<SagaDefinitions>>;
}

const own: Record<keyof SagasModuleOptions, Check> = {
  name: label(200),
  database: label(200),
  workers: aBoolean,
  shutdownTimeout: milliseconds(0),
};
/** `createSagas` checks them when it gets them. */
const sagasChecks: Record<keyof SagasOptions<SagaDefinitions>, Check> = {
  sagas: anything,
  clientName: anything,
  concurrency: anything,
  pollInterval: anything,
  lease: anything,
  attempts: anything,
  retryDelay: anything,
  maxPayload: anything,
};
const asyncChecks: Record<keyof SagasModuleAsyncOptions, Check> = {
  ...own,
  imports: aList,
  inject: aList,
  useFactory: aFunction,
};

/** The sagas, which every module can inject. */
class SagasCoreModule {
  static {
    Module({})(this);
  }
}

/**
 * Gives an application its sagas, to inject everywhere; drives them from its start, and gives back what has not ended when it ends.
 * Import it in the root module, after `SluiceModule` and the modules that its steps use.
 *
 * ```ts
 * const checkout = defineSaga('checkout', async (saga, order: { id: number }) => await saga.step('confirm', () => order.id));
 * const imports = [SagasModule.forRoot({ sagas: { checkout } })];
 * ```
 */
export class SagasModule {
  static {
    Module({})(this);
  }

  /**
   * Makes the sagas with the options of `createSagas`.
   * @throws InvalidOptionError; when the application starts for what is wrong with those of `createSagas`
   */
  static forRoot<const Definitions extends SagaDefinitions>(
    options: SagasModuleOptions & SagasOptions<Definitions>,
  ): DynamicModule {
    const read = readOptions('SagasModule.forRoot', options, { ...own, ...sagasChecks }, ['sagas']);
    const { name, database, workers, shutdownTimeout, ...settings } = read;
    return moduleOf({ name, database, workers, shutdownTimeout, useFactory: () => settings });
  }

  /**
   * The same, for sagas whose steps need other providers.
   *
   * ```ts
   * class Checkout {
   *   readonly checkout = defineSaga('checkout', async (saga, id: number) => await saga.step('confirm', () => this.confirm(id)));
   *
   *   async confirm(id: number): Promise<number> {
   *     await writeAudit(`confirmed ${id}`);
   *     return id;
   *   }
   * }
   * class ShopModule {}
   * SagasModule.forRootAsync({
   *   imports: [ShopModule], // exports Checkout
   *   inject: [Checkout],
   *   useFactory: ({ checkout }: Checkout) => ({ sagas: { checkout } }),
   * });
   * ```
   * @throws InvalidOptionError; when the application starts for what the factory returns
   */
  static forRootAsync<const Dependencies extends readonly unknown[]>(
    options: SagasModuleAsyncOptions<Dependencies>,
  ): DynamicModule {
    const read = readOptions('SagasModule.forRootAsync', options, asyncChecks, ['useFactory']);
    return moduleOf({
      ...read,
      useFactory: async (...dependencies: unknown[]) =>
        await read.useFactory(...(dependencies as unknown as Dependencies)),
    });
  }
}

/**
 * The sagas stand in a global module, what drives them in one that is not: it ends before the global modules do, in which others
 * keep what steps use.
 */
function moduleOf(options: SagasModuleAsyncOptions<unknown[]>): DynamicModule {
  const { name = defaultName, workers = true } = options;
  const token = getSagasToken(name);
  return {
    module: SagasModule,
    imports: [sagasModule(token, name, options), coreModule],
    providers: [
      {
        provide: `${token} work`,
        inject: [token, OpenParts],
        useFactory: (sagas: SagasControl, parts: OpenParts) => new SagaWork(sagas, parts, workers),
      },
    ],
  };
}

function sagasModule(token: string, name: string, options: SagasModuleAsyncOptions<unknown[]>): DynamicModule {
  const { database, shutdownTimeout: timeout = 10_000, imports = [], inject = [], useFactory } = options;
  if (database !== undefined) noteAsked('database', database);
  return {
    module: SagasCoreModule,
    global: true,
    imports: [...imports, coreModule],
    providers: [
      {
        provide: token,
        inject: [getDatabaseToken(database), OpenParts, ...inject],
        useFactory: async (opened: Database, parts: OpenParts, ...dependencies: unknown[]) => {
          const sagas = createSagas(opened, await useFactory(...dependencies));
          parts.addSagas(name, { sagas, timeout });
          return sagas;
        },
      },
    ],
    exports: [token],
  };
}
