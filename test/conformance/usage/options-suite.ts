import { createConnection } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { engine, type TestDatabase } from '../../support/database.ts';

/** What is different on purpose. */
interface Difference {
  /** The row of the table on the library's page: what it says under "What". */
  readonly on: string;
  readonly why: string;
  readonly sees: unknown;
}

export interface OptionCase<Open> {
  /** Uses the option on what `open` opens, and says what its user sees of it. */
  readonly run: (open: Open) => Promise<unknown>;
  /** In an ambient transaction. */
  readonly inside?: Difference;
  /** Over Sluice where no transaction is ambient. */
  readonly outside?: Difference;
}

/** By option, and by a name for each case. */
export type OptionCases<Open> = Readonly<Record<string, Readonly<Record<string, OptionCase<Open>>>>>;

/** What becomes of a promise: its value, or what its error says first. */
export async function outcome(running: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await running;
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return code ?? `${name}: ${message}`;
  }
}

/** Runs a text in a transaction, and gives the rows. */
type Ask = (text: string) => Promise<readonly unknown[]>;

/** How a transaction that has sent nothing yet is. */
export async function characteristics(server: TestDatabase, ask: Ask): Promise<unknown> {
  if (engine.name !== 'mariadb') return (await ask(engine.sql.showTransaction))[0];
  const isolation = await isolationSeen(server, ask);
  const writes = await ask('update product set stock = stock where id = -1').then(
    () => 0,
    () => 1,
  );
  return { isolation, read_only: writes };
}

/** What MariaDB tells of transactions is late, so that it is found out: by who sees what, and who locks what he reads. */
async function isolationSeen(server: TestDatabase, ask: Ask): Promise<string> {
  const sees = async (id: number): Promise<boolean> =>
    (await ask(`select id from product where id = ${id}`)).length > 0;
  await server.sql('insert ignore into product (id) values (101)');
  await sees(101);
  const locks = await server.sql('select id from product where id = 101 for update nowait').then(
    () => false,
    () => true,
  );
  if (locks) return 'SERIALIZABLE';
  await server.sql('insert ignore into product (id) values (102)');
  if (!(await sees(102))) return 'REPEATABLE READ';
  const other = await createConnection(server.url);
  try {
    await other.query('begin');
    await other.query('insert into product (id) values (103)');
    return (await sees(103)) ? 'READ UNCOMMITTED' : 'READ COMMITTED';
  } finally {
    await other.query('rollback');
    await other.end();
  }
}

/** Each option has its effect as with the library alone, or is refused by name. */
export function optionSuite<Open>(
  name: string,
  server: TestDatabase,
  tables: Readonly<Record<string, OptionCases<Open>>>,
  open: { alone: () => Open; bound: (database: Database<'default'>) => Open },
): void {
  describe.each(Object.entries(tables))(`options of ${name}, %s`, (_, table) => {
    describe.each(Object.entries(table))('%s', (_name, cases) => {
      it.each(Object.entries(cases))('%s', async (_case, { run, inside, outside }) => {
        const right = await outcome(run(open.alone()));
        // A difference that has gone is none to be told of.
        for (const { sees } of [inside, outside].filter((one) => one !== undefined)) expect(sees).not.toEqual(right);
        await server.sql('delete from product');
        const database = server.open({ max: 4 });
        expect(await outcome(run(open.bound(database)))).toEqual(outside?.sees ?? right);
        await server.sql('delete from product');
        const seen = database.transaction(() => outcome(run(open.bound(database))));
        expect(await seen).toEqual(inside?.sees ?? right);
        expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      });
    });
  });
}
