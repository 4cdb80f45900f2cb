import { ownTransactions } from '../../ambient/index.ts';
import { type Database, InvalidOptionError } from '../../index.ts';
import { boundClient, isPrisma } from './client.ts';

/**
 * A Prisma client over an ambient pool whose queries join the ambient transaction, and whose own transactions
 * are ambient ones; so are those of the clients that `$extends` gives, with their extensions. In a transaction
 * queries go through an interactive transaction of Prisma that stands for it,
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
  if (hasNoAdapter(prisma)) {
    throw new InvalidOptionError({
      what: 'bindPrisma was given a Prisma client without an adapter ("accelerateUrl"), whose queries run elsewhere',
      remedy: 'Give new PrismaClient({ adapter: new PrismaPg(ambientPool(database)) })',
    });
  }
  return boundClient(prisma, {
    database,
    db: database.getDb({ clientName }),
    clientName,
    own: ownTransactions(database, clientName, 'Prisma', { connects: true }),
    bound: new WeakMap(),
  });
}

/** Where Prisma keeps its options, which a version to come may keep elsewhere. */
function hasNoAdapter(prisma: object): boolean {
  const options: unknown = Reflect.get(prisma, '_engineConfig');
  return typeof options === 'object' && options !== null && Reflect.get(options, 'adapter') === undefined;
}
