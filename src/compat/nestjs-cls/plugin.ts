import type { InjectionToken, Provider } from '@nestjs/common';
import { ClsPluginBase } from 'nestjs-cls';
import { aBoolean, anObject, anything, type Check, label, listOf, readOptions } from '../../core/index.ts';
import type { AnyAdapterOptions, AnyTransactionalAdapter, HostOptions, TransactionalPluginOptions } from './adapter.ts';
import { TransactionProxyUnsupportedError } from './errors.ts';
import { getTransactionHostToken, getTransactionToken, TransactionHost } from './host.ts';

const checks: Record<keyof TransactionalPluginOptions, Check> = {
  adapter: anObject,
  imports: listOf(anything, 1_000, 'a list of modules'),
  connectionName: label(200),
  enableTransactionProxy: aBoolean,
};

/**
 * The plugin for `ClsModule` of nestjs-cls. A connection of Sluice has the transactions of Sluice; any other has those of its
 * library, as the adapter begins them.
 *
 * ```typescript
 * import { ClsModule } from 'nestjs-cls';
 * import { ClsPluginTransactional, TransactionalAdapterTypeOrm } from 'sluice/compat/nestjs-cls';
 *
 * ClsModule.forRoot({
 *   plugins: [
 *     new ClsPluginTransactional({
 *       imports: [TypeOrmModule],
 *       adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
 *     }),
 *   ],
 * });
 * ```
 * @throws InvalidOptionError, TransactionProxyUnsupportedError
 */
export class ClsPluginTransactional extends ClsPluginBase {
  constructor(options: TransactionalPluginOptions) {
    const read = readOptions('ClsPluginTransactional', options, checks, ['adapter']);
    const { adapter, imports = [], connectionName, enableTransactionProxy = false } = read;
    super(`cls-plugin-transactional${connectionName === undefined ? '' : `-${connectionName}`}`);
    if (enableTransactionProxy && adapter.supportsTransactionProxy === false) {
      throw new TransactionProxyUnsupportedError(adapter);
    }
    const hostToken = getTransactionHostToken(connectionName);
    const connection = Symbol('connection');
    const adapted = Symbol('adapter');
    this.imports.push(...imports);
    this.providers.push(
      { provide: connection, ...connectionOf(adapter) } as Provider,
      adapterProvider(adapted, connection, adapter, connectionName),
      { provide: hostToken, inject: [adapted], useFactory: (given: HostOptions) => new TransactionHost(given) },
    );
    this.exports.push(hostToken);
    if (!enableTransactionProxy) return;
    const token = getTransactionToken(connectionName);
    this.providers.push({ provide: token, inject: [hostToken], useFactory: proxyOf });
    this.exports.push(token);
  }
}

function connectionOf({ connectionToken, connection }: AnyTransactionalAdapter): object {
  return connectionToken === undefined ? { useValue: connection } : { useExisting: connectionToken };
}

function adapterProvider(
  provide: symbol,
  connection: symbol,
  adapter: AnyTransactionalAdapter,
  connectionName: string | undefined,
): Provider {
  return {
    provide,
    inject: [connection, ...(adapter.extraProviderTokens ?? ([] as InjectionToken[]))],
    useFactory: (given: never, ...extra: never[]): HostOptions => ({
      ...(adapter.optionsFactory(given, extra) satisfies AnyAdapterOptions),
      ...lifecycleOf(adapter),
      connection: given,
      connectionName,
      defaultTxOptions: adapter.defaultTxOptions ?? {},
      adapterName: adapter.constructor.name,
    }),
  };
}

const hooks = [
  'onModuleInit',
  'onModuleDestroy',
  'onApplicationBootstrap',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
] as const;

/** Nest calls those of providers, and the adapter is none. */
function lifecycleOf(adapter: AnyTransactionalAdapter): object {
  const own = hooks.filter((name) => typeof adapter[name] === 'function');
  return Object.fromEntries(own.map((name) => [name, (signal?: string): unknown => adapter[name]?.(signal)]));
}

/** The transaction is looked up at each use. */
function proxyOf(host: TransactionHost): object {
  const now = (): Record<PropertyKey, unknown> => host.tx;
  return new Proxy(now(), {
    get(_target, name) {
      const tx = now();
      const value = tx[name];
      return typeof value === 'function' ? (value.bind(tx) as unknown) : value;
    },
    apply: (_target, _this, args: unknown[]): unknown => Reflect.apply(now() as unknown as Function, now(), args),
  });
}
