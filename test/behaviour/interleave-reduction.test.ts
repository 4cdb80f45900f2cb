// Orders that are left out: what is left comes to the same outcomes as all orders do.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database, IsolationLevel } from '../../src/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const stocked = 'id int primary key, stock int not null';
const server = useTestDatabase(
  `create table pen (${stocked})`,
  `create table book (${stocked})`,
  `create table ink (${stocked})`,
  'create table shelf (id int primary key, book_id int not null, foreign key (book_id) references book (id) on delete cascade)',
  'create table sale (id int primary key)',
  ...(isPostgres
    ? [
        'create function count_sale() returns trigger language plpgsql as $$ begin update ink set stock = stock + 1; return new; end $$',
        'create trigger counted after insert on sale for each row execute function count_sale()',
        'create function pens() returns bigint language sql as $$ select sum(stock) from pen $$',
        'create view cheap as select * from pen where stock < 9',
      ]
    : [
        'create trigger counted after insert on sale for each row update ink set stock = stock + 1',
        'create function pens() returns int reads sql data return (select sum(stock) from pen)',
        'create view cheap as select * from pen where stock < 9',
      ]),
);
const tables = ['shelf', 'sale', 'pen', 'book', 'ink'];

let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string) => database.query<{ id: number; stock: number }>(text);
type Step = () => Promise<unknown>;
const read =
  (table: string): Step =>
  async () =>
    (await run(`select stock from ${table} where id = 1`)).rows[0]?.stock;
const lock =
  (table: string): Step =>
  () =>
    run(`select stock from ${table} where id = 1 for update`).then(() => 0);
const add =
  (table: string): Step =>
  () =>
    run(`update ${table} set stock = stock + 1 where id = 1`).then(() => 0);
const text =
  (sql: string): Step =>
  () =>
    run(sql).then(({ rows }) => rows);
/** Writes what was read, and one more. */
const copy =
  (from: string, to: string): Step =>
  async () => {
    const stock = (await read(from)()) as number;
    await run(`update ${to} set stock = ${stock + 1} where id = 1`);
  };

interface Program {
  readonly actors: readonly (readonly Step[])[];
  readonly level?: IsolationLevel;
  /** Each statement by itself. */
  readonly isByStatement?: true;
}

const [pen, book, ink] = ['pen', 'book', 'ink'] as const;
const programs: Readonly<Record<string, Program>> = {
  'tables of their own': {
    actors: [
      [read(pen), add(pen)],
      [read(book), add(book)],
    ],
  },
  'tables of their own, three': { actors: [[add(pen)], [add(book)], [add(ink)]], isByStatement: true },
  'a reader of what two write': {
    actors: [[read(pen), read(book), read(pen)], [add(pen)], [add(book), add(pen)]],
    isByStatement: true,
  },
  'a lost update': { actors: [[copy(pen, pen)], [copy(pen, pen)]] },
  'a lost update, and other work': {
    actors: [
      [read(book), copy(pen, pen)],
      [copy(pen, pen), add(ink)],
    ],
  },
  'a read of what the other one writes': {
    actors: [
      [read(pen), read(book)],
      [add(pen), add(book)],
    ],
  },
  'write skew, repeatable': { actors: [[copy(pen, book)], [copy(book, pen)]], level: 'REPEATABLE_READ' },
  'a snapshot, and writes of two': {
    actors: [[read(ink), read(pen)], [add(pen)], [add(pen)]],
    level: 'REPEATABLE_READ',
  },
  'a snapshot of another table': {
    actors: [
      [read(ink), read(pen), read(book)],
      [add(pen), add(book)],
    ],
    level: 'REPEATABLE_READ',
  },
  'reads alone': {
    actors: [
      [read(pen), read(book), read(ink)],
      [read(ink), read(book), read(pen)],
    ],
  },
  'a lock, and work before it': {
    actors: [
      [read(book), lock(pen), copy(pen, pen)],
      [read(ink), lock(pen), copy(pen, pen)],
    ],
  },
  'locks in the same order': {
    actors: [
      [add(pen), add(book)],
      [add(pen), add(book), add(ink)],
    ],
  },
  'statements by themselves': {
    actors: [
      [read(pen), add(book)],
      [add(pen), read(book), read(ink)],
    ],
    isByStatement: true,
  },
  'a copy over three': { actors: [[copy(pen, book)], [copy(book, ink)], [add(pen)]], isByStatement: true },
  'a foreign key': {
    actors: [
      [text('delete from book where id = 2'), read(pen)],
      [text('select id from shelf'), add(ink), text('select id from shelf')],
    ],
  },
  'a trigger': {
    actors: [
      [text('insert into sale (id) values (1)'), read(pen)],
      [read(ink), read(pen), read(ink)],
    ],
  },
  'a view': {
    actors: [
      [text('select id from cheap'), text('select id from cheap')],
      [add(pen), add(pen), add(book)],
    ],
  },
  'a routine': {
    actors: [
      [text('select pens() as n'), text('select pens() as n')],
      [add(pen), add(pen), add(book)],
    ],
  },
  serializable: {
    actors: [
      [read(pen), add(book)],
      [read(book), add(ink)],
    ],
    level: 'SERIALIZABLE',
  },
  'a join': {
    actors: [
      [text('select p.stock from book b, pen p where p.id = b.id'), read(ink)],
      [add(pen), add(book), add(ink)],
    ],
  },
};

async function seed(): Promise<void> {
  for (const table of tables) await run(`delete from ${table}`);
  for (const table of [pen, book, ink]) await run(`insert into ${table} (id, stock) values (1, 5), (2, 5)`);
  await run('insert into shelf (id, book_id) values (1, 2)');
}

interface Tried {
  readonly report: InterleaveReport;
  readonly outcomes: readonly string[];
}

/** All that comes of the orders of a program: rows, and what the actors returned or threw. */
async function outcomesOf({ actors, level, isByStatement }: Program, reduce: boolean): Promise<Tried> {
  const outcomes = new Set<string>();
  let ends: Record<string, unknown> = {};
  const body = (steps: readonly Step[]) => async (): Promise<unknown[]> => {
    const values: unknown[] = [];
    for (const step of steps) values.push(await step());
    return values;
  };
  const actor = (name: string, steps: readonly Step[]) => async (): Promise<void> => {
    try {
      ends[name] = isByStatement
        ? await body(steps)()
        : await database.transaction(body(steps), { isolationLevel: level });
    } catch (error) {
      ends[name] = (error as { code?: string }).code ?? 'failed';
    }
  };
  const report = await interleave(database, {
    setup: async () => {
      ends = {};
      await seed();
    },
    actors: Object.fromEntries(actors.map((steps, at) => [`actor ${at}`, actor(`actor ${at}`, steps)])),
    async invariant() {
      const rows: unknown[] = [];
      for (const table of tables) rows.push((await run(`select * from ${table} order by id`)).rows);
      outcomes.add(JSON.stringify([rows, actors.map((_, at) => ends[`actor ${at}`])]));
    },
    reduce,
    maxSchedules: 5_000,
  });
  return { report, outcomes: [...outcomes].toSorted() };
}

describe.skipIf(engine.name === 'sqlite')('orders that are left out', () => {
  it.each(Object.entries(programs))('come to nothing else: %s', { timeout: 120_000 }, async (_, program) => {
    const all = await outcomesOf(program, false);
    const some = await outcomesOf(program, true);
    expect(all.report).toMatchObject({ isComplete: true, isReduced: false });
    expect(some.report).toMatchObject({ isComplete: true });
    expect(some.outcomes).toEqual(all.outcomes);
    expect(some.report.isReduced).toBe(some.report.orders < all.report.orders);
  });
});
