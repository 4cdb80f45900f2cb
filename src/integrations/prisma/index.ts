import { type InOwnTransaction, ownTransactions, shareOfTransaction } from '../../ambient/index.ts';
import { type Database, InvalidOptionError } from '../../index.ts';
import { deferred, type Call } from './deferred.ts';

/** What is used of a client of Prisma. */
interface PrismaLike {
  $transaction(work: unknown, options?: object): Promise<unknown>;
}

/** Longer than any transaction: Sluice has limits of its own. */
const longest = 2_147_483_647;

interface Binding {
  readonly own: InOwnTransaction;
  /** The interactive transaction that stands for the ambient one; none outside. */
  readonly share: () => Promise<object> | undefined;
}

/**
 * A Prisma client over an ambient pool whose queries join the ambient transaction, and whose own transactions
 * are ambient ones. In a transaction queries go through an interactive transaction of Prisma that stands for it,
 * because Prisma batches the `findUnique` of all that share a client, whichever transaction they are in.
 *
 * ```
 * const adapter = new PrismaPg(ambientPool(database));
 * export const prisma = bindPrisma(new PrismaClient({ adapter }), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 * @throws InvalidOptionError for what is no client
 */
export function bindPrisma<Client extends object, Name extends string>(
  prisma: Client,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Client {
  if (!isPrisma(prisma)) {
    throw new InvalidOptionError({
      what: 'bindPrisma was given no Prisma client',
      remedy: 'Give new PrismaClient({ adapter })',
    });
  }
  const shares = new WeakMap<object, Promise<object>>();
  const whole = database as Database;
  const db = database.getDb({ clientName });
  return bind(prisma, {
    own: ownTransactions(whole, clientName, 'Prisma'),
    share: () =>
      db.inTransaction
        ? shareOfTransaction(shares, { database: whole, clientName, standsFor: true }, () =>
            openShare(prisma, (end) => db.afterCompletion(end)),
          )
        : undefined,
  });
}

function bind<Client extends object>(prisma: Client & PrismaLike, binding: Binding): Client {
  return new Proxy(prisma, {
    get(target, property, receiver) {
      const value: unknown = Reflect.get(target, property, property === '$extends' ? target : receiver);
      if (property === '$transaction')
        return (work: unknown, options?: object) => transaction(target, binding, work, options);
      if (property === '$extends') {
        return (...args: unknown[]) =>
          bind((value as (...given: unknown[]) => Client & PrismaLike).apply(target, args), binding);
      }
      if (typeof property !== 'string' || !isQuerying(property, value)) return value;
      const share = binding.share();
      if (share === undefined) return value;
      return typeof value === 'function'
        ? (...args: unknown[]) => deferred(share, [[property, args]])
        : modelIn(share, property, value as object);
    },
  });
}

/** A model of the share: its methods give what is run when it is awaited, as Prisma's do. */
function modelIn(share: Promise<object>, name: string, model: object): object {
  return new Proxy(model, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method);
      if (typeof method !== 'string' || typeof value !== 'function') return value;
      const call: Call = [method, undefined];
      return (...args: unknown[]) =>
        deferred(share, [
          [name, undefined],
          [call[0], args],
        ]);
    },
  });
}

/** Interactive ones and lists alike become a scope of their own. */
function transaction(
  prisma: PrismaLike,
  { own, share }: Binding,
  work: unknown,
  options: object | undefined,
): Promise<unknown> {
  // A list of queries that were made in a transaction is run in it, one after the other.
  if (Array.isArray(work) && share() !== undefined) {
    return own(async () => {
      const results: unknown[] = [];
      for (const query of work) results.push(await query);
      return results;
    });
  }
  return own(() => prisma.$transaction(work, options));
}

/** Opens an interactive transaction that lasts as long as the ambient one, for which it stands. */
function openShare(prisma: PrismaLike, onEnd: (end: () => void) => void): Promise<object> {
  const opened = Promise.withResolvers<object>();
  const ended = Promise.withResolvers<void>();
  onEnd(ended.resolve);
  const body = async (client: object): Promise<void> => {
    opened.resolve(client);
    await ended.promise;
  };
  // What becomes of it is told by the ambient transaction; only a failure to open concerns whoever asked.
  prisma.$transaction(body, { timeout: longest, maxWait: longest }).catch(opened.reject);
  return opened.promise;
}

/** Models, and the methods for raw queries; not what manages the client. */
function isQuerying(property: string, value: unknown): boolean {
  if (property.startsWith('$')) return /^\$(?:query|execute)Raw/.test(property);
  return typeof value === 'object' && value !== null && !property.startsWith('_');
}

function isPrisma(client: object): client is PrismaLike {
  return typeof (client as Partial<PrismaLike> | null)?.$transaction === 'function';
}
