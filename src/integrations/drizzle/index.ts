import {
  asBound,
  asProgram,
  assertBegun,
  assertHandle,
  assertPoolOf,
  type BindEntry,
  bindOnce,
  clientOf,
  type OwnTransactions,
  ownTransactions,
} from '../../library/index.ts';
import type { Database } from '../../index.ts';

/** What is used of a database of Drizzle, and of a transaction of its. */
interface WithTransaction {
  // Each dialect has other types here; only the shape matters.
  readonly transaction: (...args: never[]) => Promise<unknown>;
  /** What it sends its statements to; none of a transaction. */
  readonly $client?: unknown;
}

/** What Drizzle keeps to itself. */
interface WithSession extends WithTransaction {
  readonly session?: { transaction?: Transaction };
}

type Body = (transaction: WithTransaction) => Promise<unknown>;
type Transaction = (body: Body, ...rest: unknown[]) => Promise<unknown>;

interface Binding {
  readonly client: ReturnType<typeof clientOf>;
  readonly own: OwnTransactions;
}

const entry: BindEntry = {
  name: 'bindDrizzle',
  takes: 'a database of Drizzle: drizzle(ambientPool(database))',
  methods: ['transaction'],
};

/**
 * Lets the transactions of a Drizzle over an ambient pool be ambient ones: everything below them joins, and
 * inside of another they nest. Changes the object, and returns it.
 *
 * ```ts
 * import { drizzle } from 'drizzle-orm/node-postgres';
 * export const drizzled = bindDrizzle(drizzle(ambientPool(database)), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 * @throws InvalidOptionError, UnknownClientError
 */
export function bindDrizzle<Drizzle extends WithTransaction, Name extends string>(
  drizzle: Drizzle,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Drizzle {
  assertHandle(entry, drizzle);
  const client = clientOf(database, clientName, entry.name);
  if (drizzle.$client !== undefined) assertPoolOf(client, drizzle.$client, entry.name);
  bind(drizzle, { client, own: ownTransactions(database, clientName, 'Drizzle') });
  bindSession(drizzle, client);
  return drizzle;
}

/** Migrations begin a transaction of the session itself, which is theirs alone. */
function bindSession(drizzle: WithTransaction, client: Binding['client']): void {
  const { session } = drizzle as WithSession;
  const transaction = session?.transaction?.bind(session);
  if (session === undefined || transaction === undefined) return;
  session.transaction = (body, ...rest) => {
    const own = typeof body === 'function' ? (inner: WithTransaction) => asProgram(() => body(inner)) : body;
    return asBound(client, () => transaction(own, ...rest));
  };
}

function bind(drizzle: WithTransaction, binding: Binding): void {
  if (!bindOnce(entry.name, drizzle, binding.client)) return;
  const transaction = drizzle.transaction.bind(drizzle) as unknown as Transaction;
  const boundWithin =
    (body: Body): Body =>
    async (inner) => {
      assertBegun('Drizzle');
      bind(inner, { ...binding, own: binding.own.ofHandle() });
      return await body(inner);
    };
  // What is no function is for Drizzle to judge.
  const ours: Transaction = (body, ...rest) =>
    binding.own.run(() => transaction(typeof body === 'function' ? boundWithin(body) : body, ...rest));
  Object.assign(drizzle, { transaction: ours });
}
