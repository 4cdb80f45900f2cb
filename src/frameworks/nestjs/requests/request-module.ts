import {
  type DynamicModule,
  Inject,
  type InjectionToken,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type Provider,
  RequestMethod,
} from '@nestjs/common';
import {
  APP_FILTER,
  APP_INTERCEPTOR,
  DiscoveryModule,
  DiscoveryService,
  HttpAdapterHost,
  Reflector,
} from '@nestjs/core';
import { aBoolean, aFunction, type Check, label, milliseconds, readOptions } from '../../../core/index.ts';
import type { Database } from '../../../database/index.ts';
import { contextCarrierChecks, warnOfMissingSecret } from '../../../envelope/index.ts';
import type { HttpContextOptions } from '../../../http/index.ts';
import { aList } from '../parts/checks.ts';
import { coreModule } from '../parts/core-module.ts';
import { ErrorFilter } from './error-filter.ts';
import { OpenParts } from '../parts/open-parts.ts';
import { RequestInterceptor } from './request-interceptor.ts';
import { type AnyRequest, type AnyResponse, Requests } from './requests.ts';
import { RouteCheckAtStart } from './route-check-at-start.ts';
import { getDatabaseToken, noteAsked } from '../parts/tokens.ts';

/** Options of `RequestModule.forRoot`. */
export interface RequestModuleOptions extends HttpContextOptions {
  /** The database of requests, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** Whether errors that have a better status than 500 are answered with it. Default true. */
  readonly errors?: boolean | undefined;
}

/** Options of `RequestModule.forRootAsync`. */
export interface RequestModuleAsyncOptions<Dependencies extends readonly unknown[] = readonly never[]> extends Pick<
  RequestModuleOptions,
  'database' | 'errors'
> {
  /** Modules with what the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** The tokens of what the factory needs, in the order of its parameters. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns the other options of `forRoot`. */
  readonly useFactory: (...dependencies: Dependencies) => HttpContextOptions | Promise<HttpContextOptions>;
}

const own: Record<'database' | 'errors', Check> = { database: label(200), errors: aBoolean };
const checks: Record<keyof RequestModuleOptions, Check> = {
  ...own,
  ...contextCarrierChecks,
  timeout: milliseconds(1),
  tenant: aFunction,
};
const asyncChecks: Record<keyof RequestModuleAsyncOptions, Check> = {
  ...own,
  imports: aList,
  inject: aList,
  useFactory: aFunction,
};

/** As much of a Fastify as is used. */
interface WithHooks {
  addHook(
    name: 'preHandler',
    hook: (request: AnyRequest, reply: AnyResponse, done: (error?: Error) => void) => void,
  ): unknown;
}

/**
 * Enters the context that each request and message brings (deadline, trace, tenant, level), for guards, pipes and handlers; and
 * answers errors with their status. `@TransactionalRoute()` needs it. Import it in the root module.
 *
 * ```ts
 * RequestModule.forRoot({ secret: process.env.SLUICE_SECRET, timeout: 5_000 });
 * ```
 */
export class RequestModule {
  static {
    Module({})(this);
    Inject(Requests)(this, undefined, 0);
    Inject(HttpAdapterHost)(this, undefined, 1);
  }

  readonly #requests: Requests;
  readonly #host: HttpAdapterHost;

  constructor(requests: Requests, host: HttpAdapterHost) {
    this.#requests = requests;
    this.#host = host;
  }

  /** Gives requests and messages their context. @throws InvalidOptionError */
  static forRoot(options: RequestModuleOptions = {}): DynamicModule {
    const read = readOptions('RequestModule.forRoot', options, checks);
    warnOfMissingSecret('RequestModule.forRoot', { given: options, read });
    const { database, errors, ...others } = read;
    return moduleOf({ database, errors }, { useFactory: () => others });
  }

  /**
   * The same, with options that come from other providers.
   *
   * ```ts
   * RequestModule.forRootAsync({ inject: ['SECRET'], useFactory: (secret: string) => ({ secret }) });
   * ```
   * @throws InvalidOptionError; for what the factory returns when the application starts
   */
  static forRootAsync<const Dependencies extends readonly unknown[]>(
    options: RequestModuleAsyncOptions<Dependencies>,
  ): DynamicModule {
    const owner = 'RequestModule.forRootAsync';
    const { database, errors, ...factory } = readOptions(owner, options, asyncChecks, ['useFactory']);
    const useFactory = factory.useFactory as unknown as SettingsFactory['useFactory'];
    return moduleOf({ database, errors }, { ...factory, useFactory });
  }

  /** Nest calls it when it puts the servers together. */
  configure(consumer: MiddlewareConsumer): void {
    const { httpAdapter } = this.#host;
    const enter = (request: AnyRequest, response: AnyResponse, next: (error?: Error) => void): void => {
      this.#requests.enter(request, response, () => next()).catch(next);
    };
    // Fastify reads the body after the middlewares, and what reads it has lost the context.
    if (httpAdapter?.getType() === 'fastify') httpAdapter.getInstance<WithHooks>().addHook('preHandler', enter);
    else consumer.apply(enter).forRoutes({ path: '{*any}', method: RequestMethod.ALL });
  }
}

/** Where options come from. */
interface SettingsFactory {
  readonly imports?: ModuleMetadata['imports'] | undefined;
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (...dependencies: unknown[]) => HttpContextOptions | Promise<HttpContextOptions>;
}

const settings = 'SluiceRequests settings';

function moduleOf(
  { database, errors = true }: Pick<RequestModuleOptions, 'database' | 'errors'>,
  { imports = [], inject = [], useFactory }: SettingsFactory,
): DynamicModule {
  if (database !== undefined) noteAsked('database', database);
  const providers: Provider[] = [
    { provide: settings, inject: [...inject], useFactory },
    {
      provide: Requests,
      inject: [getDatabaseToken(database), settings],
      useFactory: (opened: Database, options: HttpContextOptions) => new Requests(opened, options),
    },
    {
      provide: APP_INTERCEPTOR,
      inject: [Requests, OpenParts, Reflector],
      useFactory: (requests: Requests, parts: OpenParts, reflector: Reflector) =>
        new RequestInterceptor(requests, parts, reflector),
    },
    {
      provide: RouteCheckAtStart,
      inject: [OpenParts, DiscoveryService],
      useFactory: (parts: OpenParts, discovery: DiscoveryService) => new RouteCheckAtStart(parts, discovery),
    },
  ];
  const filter: Provider = {
    provide: APP_FILTER,
    inject: [HttpAdapterHost],
    useFactory: (host: HttpAdapterHost) => new ErrorFilter(host),
  };
  return {
    module: RequestModule,
    global: true,
    imports: [...imports, coreModule, DiscoveryModule],
    providers: errors ? [...providers, filter] : providers,
    exports: [Requests],
  };
}
