import type { TransactionalClient } from '../connection/index.ts';
import { callersOf, emitWarning } from '../core/index.ts';
import { UnboundLibraryError } from '../database/index.ts';
import { isBoundHere } from './bound-handle.ts';
import { placeHere } from './own-transaction.ts';

/** A library by the folder of its package, and what binds it. */
interface Known {
  readonly name: string;
  readonly folder: RegExp;
  readonly remedy: string;
}

const inPackage = (name: string): RegExp => new RegExp(String.raw`[\\/]node_modules[\\/]${name}[\\/]`);

const mikroOrm: Known = {
  name: 'MikroORM',
  folder: inPackage(String.raw`@mikro-orm[\\/][\w-]+`),
  remedy: 'Give the ORM to bindMikroOrm(orm, database) of sluice/mikro-orm',
};
const known: readonly Known[] = [
  {
    name: 'Kysely',
    folder: inPackage('kysely'),
    remedy: 'Give the handle to bindKysely(kysely, database) of sluice/kysely',
  },
  {
    name: 'Drizzle',
    folder: inPackage('drizzle-orm'),
    remedy: 'Give the handle to bindDrizzle(db, database) of sluice/drizzle',
  },
  {
    name: 'Prisma',
    folder: inPackage(String.raw`@prisma[\\/][\w-]+`),
    remedy: 'Give the client to bindPrisma(prisma, database) of sluice/prisma',
  },
  {
    name: 'TypeORM',
    folder: inPackage('typeorm'),
    remedy: 'Make the DataSource with createDataSource of sluice/typeorm',
  },
  { name: 'Knex', folder: inPackage('knex'), remedy: 'Make the handle with createKnex(database) of sluice/knex' },
  {
    name: 'Dumbo',
    folder: inPackage(String.raw`@event-driven-io[\\/][\w-]+`),
    remedy:
      "Name the methods that begin transactions, those of an event store or of Dumbo itself, to bindEntries(database, store, ['appendToStream']) of sluice/library",
  },
];

/** How many calls are looked at: those of a library, and of the one that uses it. */
const depth = 30;
/** A library that is not bound shows itself early. Looking at the stack has its cost. */
const looksForWarnings = 100;

interface Noticed {
  /** The names of the libraries. */
  readonly warned: Set<string>;
  looks: number;
}

const ofClients = new WeakMap<TransactionalClient, Noticed>();

function noticedOn(client: TransactionalClient): Noticed {
  const noticed = ofClients.get(client) ?? { warned: new Set(), looks: 0 };
  ofClients.set(client, noticed);
  return noticed;
}

/**
 * For a BEGIN that no bound handle has sent: names the library that sends it, if it is one that should be bound. A program
 * that sends its own is left alone, and so is what stands on the pool without a transaction function, as pg-boss.
 * @throws UnboundLibraryError where the database is to refuse it
 */
export function noticeUnbound(client: TransactionalClient): void {
  if (client.unbound === 'allow' || isBoundHere(client)) return;
  const noticed = noticedOn(client);
  if (client.unbound === 'warn' && ++noticed.looks > looksForWarnings) return;
  const library = libraryIn(callersOf(noticeUnbound, depth));
  if (library === undefined) return;
  const what = `${library.name} has begun a transaction on the ambient pool of client "${client.name}" without being bound: what others send in its function is no part of it`;
  if (client.unbound === 'error')
    throw new UnboundLibraryError({ what: `${what}; it was not sent`, remedy: library.remedy, at: placeHere(client) });
  if (noticed.warned.has(library.name)) return;
  noticed.warned.add(library.name);
  emitWarning('SLUICE_UNBOUND_LIBRARY', `${what}. ${library.remedy}.`);
}

/** The library that calls by itself; MikroORM does so through Kysely. */
function libraryIn(places: readonly string[]): Known | undefined {
  const nearest = places.find((place) => !place.startsWith('node:'));
  const library = nearest === undefined ? undefined : [mikroOrm, ...known].find(({ folder }) => folder.test(nearest));
  return library?.name === 'Kysely' && places.some((place) => mikroOrm.folder.test(place)) ? mikroOrm : library;
}
