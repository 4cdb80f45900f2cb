import { AsyncLocalStorage } from 'node:async_hooks';
import { Inject, Logger } from '@nestjs/common';
import { ClsServiceManager } from 'nestjs-cls';
import { checkBody, emitWarning, sharedByCopies } from '../../core/index.ts';
import { NoDatabaseError, UnexpectedRollbackError } from '../../index.ts';
import { beginsAlike, type HostOptions, type Transaction, type TransactionOptionsOf } from './adapter.ts';
import { ambientTransactionsOf, type AmbientTransactions } from './ambient.ts';
import { TransactionAlreadyActiveError, TransactionNotActiveError } from './errors.ts';
import { isPropagation, Propagation } from './propagation.ts';

type Body<Result> = () => Promise<Result>;

/** A transaction that the adapter has begun. */
interface Running {
  tx: unknown;
  isOpen: boolean;
  /** A scope that had joined has failed. */
  doomed?: { readonly cause: unknown };
}

/** Runs in no transaction, whatever is around. */
const none: Running = { tx: undefined, isOpen: false };

const hosts = sharedByCopies('compat-cls-hosts', () => new Map<string | undefined, TransactionHost>());
const warned = sharedByCopies('compat-cls-unbound', () => new Set<string>());

/** Begins transactions on the connection of a plugin, and knows the one that is open. Nest injects it. */
export class TransactionHost<TAdapter = never> {
  readonly #options: HostOptions;
  readonly #logger = new Logger(TransactionHost.name);
  readonly #running = new AsyncLocalStorage<Running>();

  constructor(options: HostOptions) {
    this.#options = options;
    hosts.set(options.connectionName, this);
  }

  /**
   * The host of a plugin, where Nest injects nothing.
   * @throws NoDatabaseError before Nest has made the plugin
   */
  static getInstance(connectionName?: string): TransactionHost {
    const host = hosts.get(connectionName);
    if (host !== undefined) return host;
    throw new NoDatabaseError({
      what: `No ClsPluginTransactional${connectionName === undefined ? '' : ` with the connectionName "${connectionName}"`} has been initialized`,
      remedy: 'Give it to ClsModule.forRoot({ plugins }), and use it when the application is initialized',
    });
  }

  /** The transaction that is open here, or what the adapter has without one. Over Sluice always the handle of the library. */
  get tx(): Transaction<TAdapter> {
    const running = this.#running.getStore();
    return (running?.tx ?? this.#options.getFallbackInstance()) as Transaction<TAdapter>;
  }

  /** Whether a transaction is open here. */
  isTransactionActive(): boolean {
    return this.#ambient()?.isActive() ?? this.#running.getStore()?.isOpen === true;
  }

  /** Runs `fn` in a transaction. @throws TransactionNotActiveError, TransactionAlreadyActiveError; UnexpectedRollbackError */
  withTransaction<Result>(fn: (...args: never[]) => Promise<Result>): Promise<Result>;
  withTransaction<Result>(
    options: TransactionOptionsOf<TAdapter>,
    fn: (...args: never[]) => Promise<Result>,
  ): Promise<Result>;
  withTransaction<Result>(propagation: Propagation, fn: (...args: never[]) => Promise<Result>): Promise<Result>;
  withTransaction<Result>(
    propagation: Propagation,
    options: TransactionOptionsOf<TAdapter>,
    fn: (...args: never[]) => Promise<Result>,
  ): Promise<Result>;
  withTransaction(...args: unknown[]): Promise<never> {
    const fn = args.findLast((arg) => typeof arg === 'function') as Body<never>;
    const propagation = args.find(isPropagation) ?? Propagation.Required;
    const options = args.find((arg) => typeof arg === 'object' && arg !== null);
    return this.#decide(propagation, options, fn);
  }

  /** Runs `fn` in no transaction. */
  withoutTransaction<Result>(fn: (...args: never[]) => Promise<Result>): Promise<Result> {
    return this.#decide(Propagation.NotSupported, undefined, fn);
  }

  async #decide<Result>(propagation: Propagation, options: object | undefined, fn: Body<Result>): Promise<Result> {
    checkBody('withTransaction', fn);
    const name = fn.name || 'anonymous';
    const isActive = this.isTransactionActive();
    if (propagation === Propagation.Mandatory && !isActive) throw new TransactionNotActiveError(name);
    if (propagation === Propagation.Never && isActive) throw new TransactionAlreadyActiveError(name);
    const ambient = this.#ambient();
    return await inContext(async () =>
      ambient === undefined
        ? await this.#runByAdapter(propagation, isActive, options, fn)
        : await this.#runInSluice(ambient, propagation, isActive, options, fn),
    );
  }

  async #runByAdapter<Result>(
    propagation: Propagation,
    isActive: boolean,
    options: object | undefined,
    fn: Body<Result>,
  ): Promise<Result> {
    const outer = this.#running.getStore();
    if (begins(propagation, isActive)) return await this.#begin(options, fn);
    if (propagation === Propagation.Nested && outer !== undefined) return await this.#nest(outer, options, fn);
    const name = fn.name || 'anonymous';
    this.#warnIgnored(options, propagation, name);
    if (!isActive || propagation === Propagation.NotSupported || outer === undefined) {
      return await this.#running.run(none, fn);
    }
    try {
      return await fn();
    } catch (error) {
      outer.doomed ??= { cause: error };
      throw error;
    }
  }

  async #runInSluice<Result>(
    ambient: AmbientTransactions,
    propagation: Propagation,
    isActive: boolean,
    options: object | undefined,
    fn: Body<Result>,
  ): Promise<Result> {
    if (begins(propagation, isActive)) {
      const all = { ...this.#options.defaultTxOptions, ...options };
      const body = this.#options[beginsAlike] === true ? fn : (): Promise<Result> => this.#begin(options, fn);
      return await ambient.begin(body, propagation, all);
    }
    // What joins or nests asks for what it says itself.
    if (isActive && propagation !== Propagation.NotSupported) return await ambient.begin(fn, propagation, options);
    this.#warnIgnored(options, propagation, fn.name || 'anonymous');
    return await this.#running.run(none, () => ambient.begin(fn, propagation, undefined));
  }

  #begin<Result>(options: object | undefined, fn: Body<Result>): Promise<Result> {
    const { wrapWithTransaction, defaultTxOptions } = this.#options;
    return this.#wrap(fn, (body, setTx) =>
      wrapWithTransaction({ ...defaultTxOptions, ...options } as never, body, setTx),
    );
  }

  #nest<Result>(outer: Running, options: object | undefined, fn: Body<Result>): Promise<Result> {
    const { wrapWithNestedTransaction, defaultTxOptions } = this.#options;
    if (wrapWithNestedTransaction === undefined) {
      const name = fn.name || 'anonymous';
      this.#logger.warn(
        `The adapter has no nested transactions: "${name}" runs in a new one, independent of the open one`,
      );
      return this.#begin(options, fn);
    }
    const all = { ...defaultTxOptions, ...options } as never;
    return this.#wrap(fn, (body, setTx) => wrapWithNestedTransaction(all, body, setTx, outer.tx as never), outer.tx);
  }

  async #wrap<Result>(
    fn: Body<Result>,
    wrap: (body: () => Promise<never>, setTx: (tx?: unknown) => void) => Promise<unknown>,
    tx?: unknown,
  ): Promise<Result> {
    const running: Running = { tx, isOpen: true };
    const body = async (): Promise<never> => {
      const result = await fn();
      if (running.doomed !== undefined) throw unexpected(running.doomed.cause);
      return result as never;
    };
    try {
      return (await this.#running.run(running, () => wrap(body, (given) => (running.tx = given)))) as Result;
    } finally {
      // What comes too late is refused by the library, since its transaction has ended.
      running.isOpen = false;
    }
  }

  #ambient(): AmbientTransactions | undefined {
    const { connection, adapterName } = this.#options;
    const ambient = ambientTransactionsOf(connection);
    if (ambient === undefined && this.#options[beginsAlike] === true && !warned.has(adapterName)) {
      warned.add(adapterName);
      emitWarning(
        'SLUICE_UNBOUND_CONNECTION',
        `The connection of ${adapterName} is not one of Sluice: its transactions are those of the library alone`,
      );
    }
    return ambient;
  }

  #warnIgnored(options: object | undefined, propagation: Propagation, name: string): void {
    if (options === undefined || Object.keys(options).length === 0) return;
    const why = propagation === Propagation.Required ? 'a transaction is already active and ' : '';
    this.#logger.warn(
      `Transaction options are ignored because ${why}the propagation mode is ${propagation} (for method ${name}).`,
    );
  }
}

function begins(propagation: Propagation, isActive: boolean): boolean {
  if (propagation === Propagation.RequiresNew) return true;
  return !isActive && (propagation === Propagation.Required || propagation === Propagation.Nested);
}

/** In a context of nestjs-cls, as everything that runs in a transaction of the package. */
function inContext<Result>(body: () => Promise<Result>): Promise<Result> {
  return ClsServiceManager.getClsService().run({ ifNested: 'inherit' }, body);
}

function unexpected(cause: unknown): UnexpectedRollbackError {
  return new UnexpectedRollbackError({
    what: 'The transaction is rolled back, although its function returned: a scope that had joined it failed',
    remedy: 'Let the error of the scope pass, or run it with Propagation.Nested',
    cause,
  });
}

/** The token of a host: the class for the plugin without a name. */
export function getTransactionHostToken(connectionName?: string): symbol | typeof TransactionHost {
  return connectionName === undefined
    ? TransactionHost
    : Symbol.for(`sluice.compat.transaction-host.${connectionName}`);
}

/** Injects the host of a named plugin. */
export function InjectTransactionHost(connectionName?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTransactionHostToken(connectionName));
}

/** The token of the transaction itself. */
export function getTransactionToken(connectionName: string = ''): symbol {
  return Symbol.for(`sluice.compat.transaction.${connectionName}`);
}

/** Injects the transaction: whatever `TransactionHost.tx` is when it is used. Needs `enableTransactionProxy`. */
export function InjectTransaction(connectionName?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTransactionToken(connectionName));
}
