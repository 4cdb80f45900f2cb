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
import { isBefore, sharedByCopies, unsupportedLibrary } from '../../core/index.ts';

const entry: BindEntry = {
  name: 'bindPrisma',
  takes: 'a client of Prisma: new PrismaClient({ adapter })',
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
 * @throws UnsupportedLibraryError before Prisma 6.16; InvalidOptionError for what is no client of Prisma, has its native engine,
 * or is bound to another database or client; UnknownClientError
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

/** The oldest that has its query compiler in place of the native engine, and not as a preview. */
const oldest = '6.16';

/** Each version says which it is. @throws UnsupportedLibraryError; InvalidOptionError for one with its native engine */
function assertVersion(prisma: object): void {
  const version: unknown = Reflect.get(prisma, '_clientVersion');
  if (typeof version !== 'string') return;
  if (isBefore(version, oldest)) {
    throw unsupportedLibrary({
      by: 'bindPrisma',
      library: '@prisma/client',
      has: version,
      needs: `>=${oldest}`,
      lacks: 'stable query compiler',
    });
  }
  if (isBefore(version, '7') && configOf(prisma)?.compilerWasm === undefined) {
    throw new InvalidOptionError({
      what: `bindPrisma was given a client of Prisma ${version} with its native engine, which is not supported`,
      remedy:
        'Put engineType = "client" into the generator of schema.prisma, and run "prisma generate"; or use Prisma 7',
    });
  }
}

interface EngineConfig {
  readonly adapter?: unknown;
  readonly compilerWasm?: unknown;
}

/** Where Prisma keeps its options, which a version to come may keep elsewhere. */
function configOf(prisma: object): EngineConfig | undefined {
  const config: unknown = Reflect.get(prisma, '_engineConfig');
  return typeof config === 'object' && config !== null ? config : undefined;
}

function hasNoAdapter(prisma: object): boolean {
  const config = configOf(prisma);
  return config !== undefined && config.adapter === undefined;
}
