import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { engine, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/settled.ts';

/** What is different on purpose. */
interface Difference {
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

/** Asks the server for isolation and mode of a transaction until it tells: MariaDB takes its time. */
export async function characteristics(
  use: () => PromiseLike<unknown>,
  ask: (text: string) => Promise<readonly unknown[]>,
): Promise<unknown> {
  await use();
  let rows: readonly unknown[] = [];
  await until('the server tells of the transaction', async () => {
    await new Promise((resolve) => setTimeout(resolve, engine.outOfDate * (1 + Math.random())));
    rows = await ask(engine.sql.showTransaction);
    return rows.length > 0;
  });
  return rows[0];
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
