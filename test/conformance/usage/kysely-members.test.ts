// Every member of Kysely's own handle: what begins a transaction, and what gives another handle, is bound.
import { CamelCasePlugin, type Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import { rejection } from '../../support/settled.ts';
import { ids, insert, openings, type Tables } from './kysely.ts';

type Handle = Kysely<Tables>;
/** `undefined`: it neither begins a transaction nor gives another handle. */
type Uses = ((kysely: Handle, body: (handle: Handle) => Promise<void>) => Promise<unknown>) | undefined;

const inTransaction =
  (copy: (kysely: Handle) => unknown): Uses =>
  (kysely, body) =>
    (copy(kysely) as Handle).transaction().execute(body);

const members: Record<Exclude<keyof Handle, symbol>, Uses> = {
  transaction: inTransaction((kysely) => kysely),
  // Outside of a transaction it is the program's own: see libraries-held-connections.test.ts.
  connection: (kysely, body) =>
    database.transaction(() => kysely.connection().execute((own) => own.transaction().execute(body))),
  withPlugin: inTransaction((kysely) => kysely.withPlugin(new CamelCasePlugin())),
  withoutPlugins: inTransaction((kysely) => kysely.withoutPlugins()),
  withSchema: inTransaction((kysely) => kysely.withSchema('missing').withoutPlugins()),
  withTables: inTransaction((kysely) => kysely.withTables<{ other: { id: number } }>()),
  $extendTables: inTransaction((kysely) => kysely.$extendTables<{ other: { id: number } }>()),
  $omitTables: inTransaction((kysely) => kysely.$omitTables<'product'>()),
  $pickTables: inTransaction((kysely) => kysely.$pickTables<'product'>()),
  // Ended by hand: nobody joins it outside of an ambient transaction, as the limits in docs/libraries.md say.
  startTransaction: undefined,
  schema: undefined,
  dynamic: undefined,
  introspection: undefined,
  case: undefined,
  fn: undefined,
  destroy: undefined,
  isTransaction: undefined,
  getExecutor: undefined,
  executeQuery: undefined,
  selectFrom: undefined,
  selectNoFrom: undefined,
  insertInto: undefined,
  replaceInto: undefined,
  deleteFrom: undefined,
  updateTable: undefined,
  mergeInto: undefined,
  with: undefined,
  withRecursive: undefined,
};

const server = useTestDatabase();
let database: Database<'default'>;
let kysely: Handle;

beforeEach(async () => {
  database = server.open({ max: 2 });
  kysely = await openings.bound(database);
});
afterEach(() => kysely.destroy());

const using = Object.entries(members).flatMap(([name, uses]) => (uses === undefined ? [] : [[name, uses] as const]));

describe('a transaction that begins with a member of Kysely', () => {
  it.each(using)('%s: others join it, and are rolled back with it', async (_, uses) => {
    const failed = new RangeError('sold out');
    const running = uses(kysely, async () => {
      await insert(kysely, 1);
      await database.current.query('insert into product (id) values (2)');
      expect(await ids(kysely)).toEqual([1, 2]);
      throw failed;
    });
    expect(await rejection(running)).toBe(failed);
    expect(await server.products()).toEqual([]);
  });
});
