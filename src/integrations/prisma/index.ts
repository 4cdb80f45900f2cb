import {
  assertHandle,
  assertSameClient,
  type BindEntry,
  clientOf,
  isBound,
  ownTransactions,
} from '../../library/index.ts';
import { type Database, InvalidOptionError } from '../../index.ts';
import { boundClient, type Ground } from './client.ts';
import type { PrismaLike } from './transaction-share.ts';
import { sharedByCopies, unsupportedLibrary } from '../../core/index.ts';

const entry: BindEntry = {
  name: 'bindPrisma',
  takes: 'a client of Prisma 7: new PrismaClient({ adapter })',
  methods: ['$transaction', '$extends'],
};
/** By the clients of Prisma that were bound. */
const grounds = sharedByCopies('prisma-grounds', () => new WeakMap<object, Ground>());

/**
 * A Prisma client over an ambient pool whose queries join the ambient transaction, and whose own transactions
 * are ambient ones; so are those of the clients that `$extends` gives, with their extensions. In a transaction
 * queries go through an interactive transaction of Prisma that represents it,
 * because Prisma batches the `findUnique` of all that share a client, whichever transaction they are in.
 *
 * ```typescript
 * import { PrismaPg } from '@prisma/adapter-pg';
 * import { PrismaClient } from './generated/client.ts';
 * const adapter = new PrismaPg(ambientPool(database));
 * export const prisma = bindPrisma(new PrismaClient({ adapter }), database);
 * ```
 * @param clientName that of the ambient pool; default: the default client
 * @throws UnsupportedLibraryError before Prisma 7; InvalidOptionError for what is no client of Prisma, or bound to another
 * database or client; UnknownClientError
 */
export function bindPrisma<Client extends object, Name extends string>(
  prisma: Client,
  database: Database<Name>,
  clientName?: NoInfer<Name>,
): Client {
  assertHandle(entry, prisma);
  assertVersion(prisma);
  if (hasNoAdapter(prisma)) {
    throw new InvalidOptionError({
      what: 'bindPrisma was given a Prisma client without an adapter ("accelerateUrl"), whose queries run elsewhere',
      remedy: 'Give new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) })',
    });
  }
  const client = clientOf(database, clientName, entry.name);
  if (isBound(entry.name, prisma, client)) return prisma;
  const found = grounds.get(prisma);
  if (found !== undefined) assertSameClient(entry.name, found.client, client);
  const ground: Ground = found ?? {
    database,
    client,
    db: database.getDb({ clientName }),
    clientName,
    own: ownTransactions(database, clientName, 'Prisma', { connects: true }),
    bound: new WeakMap(),
  };
  grounds.set(prisma, ground);
  return boundClient(prisma as Client & PrismaLike, ground);
}

/** Those before 7 say which they are as well. */
function assertVersion(prisma: object): void {
  const version: unknown = Reflect.get(prisma, '_clientVersion');
  if (typeof version !== 'string' || Number.parseInt(version, 10) >= 7) return;
  throw unsupportedLibrary({
    by: 'bindPrisma',
    library: '@prisma/client',
    has: version,
    needs: '>=7',
    lacks: 'transactions over an adapter that nest',
  });
}

/** Where Prisma keeps its options, which a version to come may keep elsewhere. */
function hasNoAdapter(prisma: object): boolean {
  const options: unknown = Reflect.get(prisma, '_engineConfig');
  return typeof options === 'object' && options !== null && Reflect.get(options, 'adapter') === undefined;
}
