import knexPackage, { type Knex } from 'knex';
import {
  asBound,
  asProgram,
  assertBegun,
  assertHandle,
  assertPoolOf,
  beginningAt,
  type BindEntry,
  bindOnce,
  clientOf,
  type OwnTransactions,
  libraryPool,
  ownTransactions,
} from '../../library/index.ts';
import type { Database } from '../../index.ts';
import { InvalidOptionError, readOpen } from '../../core/index.ts';
import { overPool, type WithPool } from './external-pool.ts';
import { type RefusedOption, refuseConnection, refuseOptions } from './options.ts';
import { type KnexTransaction, RunningTransaction } from './running-transaction.ts';

/** Options of `createKnex`: those of Knex, without the connection's. */
export interface KnexOptions<Name extends string = string> extends Omit<Knex.Config, RefusedOption> {
  /** Default: the default client. */
  readonly clientName?: Name | undefined;
}

type Container = (transaction: Knex.Transaction) => unknown;
type Transaction = (this: object, container: unknown, config?: unknown) => unknown;

/** The part of Knex that its handles forward their calls to. */
interface WithContext {
  readonly context: {
    transaction: Transaction;
    /** Gives a copy of the handle, with a context of its own. */
    withUserParams: (this: object, parameters: unknown) => WithContext;
    readonly client: KnexClient;
  };
}

/** What Knex gives for a transaction without a function. */
interface HandedOut {
  readonly executionPromise: Promise<unknown>;
  isCompleted(): boolean;
  commit: (value?: unknown) => Promise<unknown>;
}

interface KnexClient extends WithPool {
  acquireConnection(): Promise<object>;
  releaseConnection(connection: object): Promise<void>;
  cancelQuery?: (connection: Cancellable) => Promise<void>;
  _query?: SendQuery;
}

/** How a client of Knex sends a query. */
type SendQuery = (this: object, connection: Cancellable, query: { readonly cancelOnTimeout?: boolean }) => unknown;

/** A connection of an ambient pool. */
interface Cancellable {
  cancelRunning(): Promise<void>;
  /** Where what may be cancelled is sent, where others could be sent together with it. */
  readonly alone?: object;
}

interface Binding {
  readonly client: ReturnType<typeof clientOf>;
  readonly own: OwnTransactions;
}

const entry: BindEntry = {
  name: 'bindKnex',
  takes: 'a Knex: createKnex(database), or knex({ client, connectionPool }) of Knex 3.3',
  methods: ['context.transaction', 'context.withUserParams', 'context.client.acquireConnection'],
};

/**
 * Makes a Knex whose queries join the ambient transaction and whose own transactions are ambient ones:
 * everything below them joins, and inside of another they nest. Objection takes it as any Knex.
 *
 * ```ts
 * export const knex = createKnex(database);
 * ```
 * @throws InvalidOptionError, UnknownClientError
 */
export function createKnex<Name extends string>(
  database: Database<Name>,
  options: KnexOptions<NoInfer<Name>> = {},
): Knex {
  const { clientName, ...config } = readOpen('createKnex', options, ['clientName']);
  refuseOptions(config);
  const { dialect, libraryNames } = clientOf(database, clientName, 'createKnex').driver;
  const client = libraryNames?.knex;
  if (client === undefined) {
    throw new InvalidOptionError({
      what: `createKnex got a client on ${dialect}, which it does not support`,
      remedy: 'Name a client of postgres(), of mysql(), or of a driver that says what Knex calls its engine',
    });
  }
  const connectionPool = libraryPool(database, clientName) as NonNullable<Knex.Config['connectionPool']>;
  return bindKnex(knexPackage({ ...config, client, connectionPool }), database, clientName);
}

/**
 * The same for a Knex that was made over an ambient pool (`connectionPool`). Changes it, and returns it.
 *
 * ```ts
 * import knex from 'knex';
 * const shop = bindKnex(knex({ client: 'pg', connectionPool: ambientPool(database) }), database);
 * ```
 * @throws InvalidOptionError, UnknownClientError
 */
export function bindKnex<Handle extends Knex, Name extends string>(
  knex: Handle,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Handle {
  assertHandle(entry, knex);
  const handle = knex as unknown as WithContext;
  const client = clientOf(database, clientName, entry.name);
  const { config } = handle.context.client;
  if (config !== undefined) assertPoolOf(client, config.connectionPool, entry.name);
  overPool(handle.context.client);
  bind(handle, { client, own: ownTransactions(database, clientName, 'Knex') });
  return knex;
}

function bind(handle: WithContext, binding: Binding): void {
  const { context } = handle;
  if (!bindOnce(entry.name, context, binding.client)) return;
  bindCancelling(context.client);
  if (context.client.driverName !== 'pg') migrateAsAlone(handle, binding.client);
  const { transaction, withUserParams } = context;
  context.withUserParams = function copyOf(parameters) {
    const copy = withUserParams.call(this, parameters);
    bind(copy, binding);
    return copy;
  };
  context.transaction = function transactionOf(container, config) {
    // Without a function the transaction is ended by hand, on the connection that it has.
    if (typeof container !== 'function')
      return beginningAt(transactionOf, async () => {
        refuseConnection(container, config);
        return await handedOut(() => asBound(binding.client, () => transaction.call(this, container, config)));
      });
    const body: Container = (inner) => {
      assertBegun('Knex');
      tellOfCommit(inner);
      bind(inner as unknown as WithContext, { ...binding, own: binding.own.ofHandle() });
      return (container as Container)(inner);
    };
    return new RunningTransaction(async (begun) => {
      refuseConnection(container, config);
      if (isVersionUnknown(context.client)) await knowVersion(context.client);
      return await binding.own.run(() => begun(transaction.call(this, body, config) as KnexTransaction));
    });
  };
}

/**
 * Where a statement that makes a table commits, the transactions of migrations are none: outside of an ambient one
 * they go as Knex has them, on a copy of the handle whose transactions are its own.
 */
function migrateAsAlone(handle: WithContext, client: Binding['client']): void {
  const { context } = handle;
  const { withUserParams } = context;
  const copyOf = (parameters: unknown): WithContext => beginAlone(withUserParams.call(context, parameters), client);
  const alone = new Proxy(handle, {
    get: (target, name): unknown => (name === 'withUserParams' ? copyOf : Reflect.get(target, name)),
  });
  const migrate = Object.getOwnPropertyDescriptor(handle, 'migrate');
  Object.defineProperty(handle, 'migrate', { ...migrate, get: () => migrate?.get?.call(alone) as unknown });
}

function beginAlone(copy: WithContext, client: Binding['client']): WithContext {
  const { context } = copy;
  const { transaction } = context;
  context.transaction = function transactionOf(container, config) {
    const body: unknown =
      typeof container === 'function'
        ? (inner: unknown) => asProgram(() => (container as Container)(inner as Knex.Transaction))
        : container;
    return asBound(client, () => transaction.call(this, body, config));
  };
  return copy;
}

async function handedOut(transaction: () => unknown): Promise<unknown> {
  const inner = (await transaction()) as WithContext & HandedOut;
  bindCancelling(inner.context.client);
  // Knex hands out what could not begin, too, and keeps the reason to itself.
  if (inner.isCompleted()) await inner.executionPromise;
  tellOfCommit(inner);
  handOutWithin(inner);
  return inner;
}

/** Knex resolves although the server has rolled back, and tells another promise alone, which Objection drops. */
function tellOfCommit(inner: HandedOut): void {
  const commit = inner.commit.bind(inner);
  inner.commit = (value) => {
    const told = commit(value).then(async (answer) => {
      await inner.executionPromise;
      return answer;
    });
    // As with Knex alone, it does not have to be awaited.
    told.catch(() => {});
    return told;
  };
}

/** What was handed out has savepoints of Knex itself, which may be handed out, too. */
function handOutWithin({ context }: WithContext): void {
  const { transaction } = context;
  context.transaction = function transactionOf(container, config) {
    if (typeof container !== 'function')
      return beginningAt(transactionOf, () => handedOut(() => transaction.call(this, container, config)));
    const body: Container = (inner) => {
      handOutWithin(inner as unknown as WithContext);
      return (container as Container)(inner);
    };
    return transaction.call(this, body, config);
  };
}

function cancelRunning(connection: Cancellable): Promise<void> {
  return connection.cancelRunning();
}

/** For `timeout(ms, { cancel: true })` Knex would open a connection by itself, and it knows of no server. */
function bindCancelling(client: KnexClient): void {
  if (client.cancelQuery === cancelRunning) return;
  client.cancelQuery = cancelRunning;
  const { _query: send } = client;
  if (send === undefined) return;
  client._query = function sendAlone(connection, query) {
    const isAlone = query.cancelOnTimeout === true && connection.alone !== undefined;
    return send.call(this, (isAlone ? connection.alone : connection) as Cancellable, query);
  };
}

/** On PostgreSQL Knex asks its first connection for the server's version, which a transaction must not begin with. */
async function knowVersion(client: KnexClient): Promise<void> {
  await client.releaseConnection(await client.acquireConnection());
}

function isVersionUnknown({ driverName, version }: KnexClient): boolean {
  return driverName === 'pg' && version === undefined;
}
