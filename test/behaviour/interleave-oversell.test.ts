// An oversell: what was read as there is sold to more callers than any serial order sells it to.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase('create table seat (id int primary key, owner_id int, booked int not null)');
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

type Body = () => Promise<unknown>;

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const value = async (text: string): Promise<unknown> => Object.values((await run(text)).rows[0] ?? {})[0];
const readStock = async (): Promise<number> => Number(await value('select stock from product where id = 1'));

const seed = (stock: number) => async (): Promise<void> => {
  await run('delete from seat');
  await run('delete from product');
  await run('insert into product (id, stock) values (1, $1)', [stock]);
  await run('insert into seat (id, owner_id, booked) values (1, null, 4)');
};

const soldOut = (): never => {
  throw new Error('sold out');
};

const writes: Readonly<Record<string, (stock: number) => Promise<unknown>>> = {
  'what is left': (stock) => run('update product set stock = $1 where id = 1', [stock - 1]),
  'what is left, as a literal': (stock) => run(`update product set stock = ${stock - 1} where id = 1`),
  'one less': () => run('update product set stock = stock - 1 where id = 1'),
  'one less, in names with quotes': () => {
    const mark = isPostgres ? '"' : '`';
    const quoted = (name: string): string => `${mark}${name}${mark}`;
    const stock = quoted('stock');
    return run(`update ${quoted('product')} set ${stock} = ${quoted('product')}.${stock} - 1 where id = 1`);
  },
  'less by what was asked for': () => run('update product set name = $1, stock = stock - $2 where id = 1', ['x', 1]),
};

/** Takes one if there is one, and ends with what `refuse` says if there is none. */
const selling =
  (write: (stock: number) => Promise<unknown>, refuse: () => unknown = soldOut, told?: unknown): Body =>
  async () => {
    const stock = await readStock();
    if (stock < 1) return refuse();
    await write(stock);
    return told;
  };

describe.skipIf(engine.name === 'sqlite')('an oversell', () => {
  const tried = (body: Body, stock: number, changes: Partial<InterleaveOptions> = {}): Promise<InterleaveReport> => {
    const actor = (): Promise<unknown> => database.transaction(body, { isolationLevel: 'READ_COMMITTED' });
    return interleave(database, {
      setup: seed(stock),
      actors: { alice: actor, bob: actor },
      maxRemedyRuntime: 0,
      ...changes,
    });
  };

  it.each(Object.entries(writes))('is named: read, then written %s', async (_, write) => {
    const report = await tried(selling(write), 1);
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'oversell', pair: { table: 'product' } });
    expect(() => report.assertSerializable()).toThrow('This looks like an oversell. ');
  });

  it.each([
    ['false', true, false],
    ['null', undefined, null],
    ['a word', 'sold', 'sold out'],
  ])('is named where a program is told by %s that there is none', async (_, told, refused) => {
    const report = await tried(
      selling(writes['what is left'] ?? soldOut, () => refused, told),
      1,
    );
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'oversell' });
  });

  it('is named of three of whom two could have had one', async () => {
    const actor = (): Promise<unknown> =>
      database.transaction(selling(writes['what is left'] ?? soldOut), { isolationLevel: 'READ_COMMITTED' });
    const report = await tried(soldOut, 2, { actors: { alice: actor, bob: actor, carol: actor }, maxAnomalies: 3 });
    expect(
      report.anomalies.map(({ kind }) => kind),
      report.toString(),
    ).toContain('oversell');
  });

  it('is named where an invariant says what is right', async () => {
    const invariant = async (): Promise<boolean> => (await readStock()) >= 0;
    const report = await tried(selling(writes['one less'] ?? soldOut), 1, { invariant });
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'oversell' });
  });

  it.each([
    ['there is enough: what one has taken is lost', selling(writes['what is left'] ?? soldOut), 10],
    [
      'no serial order refuses anything',
      selling(writes['what is left'] ?? soldOut, async () => {
        await run('update product set stock = -1 where id = 1');
      }),
      1,
    ],
    [
      'what is returned is a number that has come out otherwise',
      async () => {
        const stock = await readStock();
        await run('update product set stock = $1 where id = 1', [stock - 1]);
        return stock;
      },
      1,
    ],
    [
      'what is written is no number that was counted down',
      async () => {
        if ((await value('select owner_id from seat where id = 1')) !== null) throw new Error('taken');
        await run('update seat set owner_id = 7 where id = 1');
      },
      1,
    ],
  ] satisfies [string, Body, number][])('is none where %s', async (_, body, stock) => {
    const report = await tried(body, stock);
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'lost update' });
  });

  it('a limit that is counted up to in SQL is sold over, too', async () => {
    const report = await tried(async () => {
      if (Number(await value('select booked from seat where id = 1')) >= 5) throw new Error('full');
      await run('update seat set booked = booked + 1 where id = 1');
    }, 1);
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind: 'oversell' });
  });
});
