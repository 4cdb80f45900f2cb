import { Inject, Logger } from '@nestjs/common';
import { type ClsService, ClsServiceManager } from 'nestjs-cls';
import { checkBody, emitWarning, isThenable, sharedByCopies } from '../../core/index.ts';
import { InvalidOptionError, NoDatabaseError, UnexpectedRollbackError } from '../../index.ts';
import {
  beginsAlike,
  type HostOptions,
  isSynchronous,
  type Transaction,
  type TransactionOptionsOf,
} from './adapter.ts';
import { ambientTransactionsOf, type AmbientTransactions } from './ambient.ts';
import { TransactionAlreadyActiveError, TransactionNotActiveError, TransactionPropagationError } from './errors.ts';
import { isPropagation, Propagation } from './propagation.ts';

type Body<Result> = (...given: never[]) => Promise<Result>;

/** A transaction that the adapter has begun. */
interface Running {
  tx: unknown;
  isOpen: boolean;
  /** A scope that had joined has failed. */
  doomed?: { readonly cause: unknown };
  /** Its function goes on after its end. */
  refused?: Error;
}

/** Runs in no transaction, whatever is around. */
const none: Running = { tx: undefined, isOpen: false };

const hosts = sharedByCopies('compat-cls-hosts', () => new Map<string | undefined, TransactionHost>());
const warned = sharedByCopies('compat-cls-unbound', () => new Set<string>());

/** Begins transactions on the connection of a plugin, and knows the one that is open. Nest injects it. */
export class TransactionHost<TAdapter = never> {
  readonly #options: HostOptions;
  readonly #logger = new Logger(TransactionHost.name);
  readonly #key = Symbol('transaction');

  constructor(options: HostOptions) {
    this.#options = options;
    hosts.set(options.connectionName, this);
  }

  /**
   * The host of a plugin, where Nest injects nothing.
   * @throws NoDatabaseError before Nest has made the plugin
   */
  static getInstance<TAdapter = never>(connectionName?: string): TransactionHost<TAdapter> {
    const host = hosts.get(connectionName);
    if (host !== undefined) return host;
    throw new NoDatabaseError({
      what: `No ClsPluginTransactional${connectionName === undefined ? '' : ` with the connectionName "${connectionName}"`} has been initialized`,
      remedy: 'Give it to ClsModule.forRoot({ plugins }), and use it when the application is initialized',
    });
  }

  /** The transaction that is open here, or what the adapter has without one. Over Sluice always the handle of the library. */
  get tx(): Transaction<TAdapter> {
    return (this.#running()?.tx ?? this.#options.getFallbackInstance()) as Transaction<TAdapter>;
  }

  /** Whether a transaction is open here. */
  isTransactionActive(): boolean {
    return this.#ambient()?.isActive() ?? this.#running()?.isOpen === true;
  }

  /** Runs `fn` in a transaction. @throws TransactionPropagationError, UnexpectedRollbackError */
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
    const propagation = args.find((arg) => typeof arg === 'string') ?? Propagation.Required;
    const options = args.find((arg) => typeof arg === 'object' && arg !== null);
    return this.#decide(propagation, options, fn);
  }

  /** Runs `fn` in no transaction. */
  withoutTransaction<Result>(fn: (...args: never[]) => Promise<Result>): Promise<Result> {
    return this.#decide(Propagation.NotSupported, undefined, fn);
  }

  async #decide<Result>(propagation: string, options: object | undefined, fn: Body<Result>): Promise<Result> {
    checkBody('withTransaction', fn);
    const name = fn.name || 'anonymous';
    if (!isPropagation(propagation)) throw unknownPropagation(name);
    const isActive = this.isTransactionActive();
    if (propagation === Propagation.Mandatory && !isActive) throw new TransactionNotActiveError(name);
    if (propagation === Propagation.Never && isActive) throw new TransactionAlreadyActiveError(name);
    const ambient = this.#ambient();
    const run = async (): Promise<Result> =>
      ambient === undefined
        ? await this.#runByAdapter(propagation, isActive, options, fn)
        : await this.#runInSluice(ambient, propagation, isActive, options, fn);
    // The package joins by these without a context of their own: what they set there, their caller sees.
    const joins = propagation === Propagation.Mandatory || propagation === Propagation.Supports;
    return await (joins && isActive && cls().isActive() ? run() : inContext(run));
  }

  async #runByAdapter<Result>(
    propagation: Propagation,
    isActive: boolean,
    options: object | undefined,
    fn: Body<Result>,
  ): Promise<Result> {
    const outer = this.#running();
    if (begins(propagation, isActive)) return await this.#begin(options, fn);
    if (propagation === Propagation.Nested && outer !== undefined) return await this.#nest(outer, options, fn);
    const name = fn.name || 'anonymous';
    this.#warnIgnored(options, propagation, name);
    if (!isActive || propagation === Propagation.NotSupported || outer === undefined) {
      return await this.#runAs(none, fn);
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
    const name = nameOf(fn);
    if (begins(propagation, isActive)) {
      const all = { ...this.#options.defaultTxOptions, ...options };
      const body = this.#options[beginsAlike] === true ? fn : (): Promise<Result> => this.#begin(options, fn);
      return await ambient.begin(body, propagation, { name, ...all });
    }
    // What joins or nests asks for what it says itself.
    if (isActive && propagation !== Propagation.NotSupported)
      return await ambient.begin(fn, propagation, { name, ...options });
    this.#warnIgnored(options, propagation, fn.name || 'anonymous');
    return await this.#runAs(none, () => ambient.begin(fn, propagation, { name }));
  }

  // The functions of an adapter are called on what it gave, since they may use "this".
  #begin<Result>(options: object | undefined, fn: Body<Result>): Promise<Result> {
    const adapted = this.#options;
    const all = { ...adapted.defaultTxOptions, ...options } as never;
    return this.#wrap(fn, (body, setTx) => adapted.wrapWithTransaction(all, body, setTx));
  }

  #nest<Result>(outer: Running, options: object | undefined, fn: Body<Result>): Promise<Result> {
    const adapted = this.#options;
    if (adapted.wrapWithNestedTransaction === undefined) {
      const name = fn.name || 'anonymous';
      this.#logger.warn(
        `The adapter has no nested transactions: "${name}" runs in a new one, independent of the open one`,
      );
      return this.#begin(options, fn);
    }
    const all = { ...adapted.defaultTxOptions, ...options } as never;
    const tx = outer.tx as never;
    return this.#wrap(fn, async (body, setTx) => await adapted.wrapWithNestedTransaction?.(all, body, setTx, tx), tx);
  }

  async #wrap<Result>(
    fn: Body<Result>,
    wrap: (body: (...given: unknown[]) => Promise<never>, setTx: (tx?: unknown) => void) => Promise<unknown>,
    tx?: unknown,
  ): Promise<Result> {
    // As with the package it is open from when the adapter gives its transaction, and that gives none to a scope within.
    const running: Running = { tx, isOpen: Boolean(tx) };
    let hasEnded = false;
    const setTx = (given?: unknown): void => {
      if (!hasEnded) Object.assign(running, { tx: given, isOpen: Boolean(given) });
    };
    const isSync = this.#options[isSynchronous] === true;
    const body = isSync ? (): Promise<never> => atOnce(running, fn) : awaited(running, fn);
    try {
      return (await this.#runAs(running, () => wrap(body, setTx))) as Result;
    } finally {
      // What comes too late is refused by the library, since its transaction has ended.
      running.isOpen = false;
      hasEnded = true;
    }
  }

  /** The transaction that the adapter has begun goes with the context of nestjs-cls. */
  #running(): Running | undefined {
    const context = cls();
    const running = context.isActive() ? context.get<Running | undefined>(this.#key) : undefined;
    if (running?.refused !== undefined) throw running.refused;
    return running;
  }

  #runAs<Result>(running: Running, body: Body<Result>): Promise<Result> {
    return inContext(async () => {
      cls().set(this.#key, running);
      return await body();
    });
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

/** The name of a decorated method or of a function, without what bind() puts before it. */
function nameOf({ name }: Body<unknown>): string | undefined {
  return name.replace(/^(?:bound )+/, '').slice(0, 200) || undefined;
}

function awaited(running: Running, fn: Body<unknown>): (...given: unknown[]) => Promise<never> {
  return async (...given) => {
    const result = await fn(...(given as never[]));
    if (running.doomed !== undefined) throw unexpected(running.doomed.cause);
    return result as never;
  };
}

/** For a library that ends the transaction when its function returns. */
function atOnce(running: Running, fn: () => unknown): never {
  const result = fn();
  if (isThenable(result)) {
    running.refused = new InvalidOptionError({
      what: `"${fn.name || 'anonymous'}" gave a promise, and transactions of this driver end when their function returns: all is rolled back`,
      remedy: 'Write it without async, or use an asynchronous driver',
    });
    // A query that is not awaited is not sent.
    if (result instanceof Promise) result.catch(() => undefined);
    throw running.refused;
  }
  if (running.doomed !== undefined) throw unexpected(running.doomed.cause);
  return result as never;
}

function begins(propagation: Propagation, isActive: boolean): boolean {
  if (propagation === Propagation.RequiresNew) return true;
  return !isActive && (propagation === Propagation.Required || propagation === Propagation.Nested);
}

function cls(): ClsService {
  return ClsServiceManager.getClsService();
}

/** In a context of nestjs-cls, as everything that runs in a transaction of the package. */
function inContext<Result>(body: () => Promise<Result>): Promise<Result> {
  return cls().run({ ifNested: 'inherit' }, body);
}

function unknownPropagation(name: string): TransactionPropagationError {
  return new TransactionPropagationError({
    what: `"${name}" asks for a propagation that there is not`,
    remedy: 'Give one of Propagation',
  });
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
