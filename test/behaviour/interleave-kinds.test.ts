// What an anomaly is called, and the report as a page.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database, IsolationLevel } from '../../src/index.ts';
import { type AnomalyKind, interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const server = useTestDatabase('create table duty (id int primary key, doctor varchar(60) not null)');
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string) => database.query<{ n: number }>(text);
const number = async (text: string): Promise<number> => Number((await run(text)).rows[0]?.n);
const stock = (id: number): Promise<number> => number(`select stock as n from product where id = ${id}`);
const set = (id: number, to: number): Promise<unknown> => run(`update product set stock = ${to} where id = ${id}`);

async function seed(): Promise<void> {
  await run('delete from duty');
  await run('delete from product');
  await run('insert into product (id, stock) values (1, 10), (2, 20)');
}

type Body = () => Promise<unknown>;
const enlist =
  (id: number): Body =>
  async () => {
    if ((await number('select count(*) as n from duty')) === 0)
      await run(`insert into duty (id, doctor) values (${id}, 'ann')`);
  };
const takeOne: Body = async () => set(1, (await stock(1)) - 1);

const setBoth =
  (...all: readonly (readonly [number, number])[]): Body =>
  async () => {
    for (const [id, to] of all) await set(id, to);
  };

type Case = readonly [AnomalyKind, IsolationLevel, Body, Body];
const cases: readonly Case[] = [
  ['lost update', 'READ_COMMITTED', takeOne, takeOne],
  ['write skew', 'READ_COMMITTED', async () => set(1, await stock(2)), async () => set(2, await stock(1))],
  ['phantom', 'READ_COMMITTED', enlist(1), enlist(2)],
  ['non-repeatable read', 'READ_COMMITTED', async () => [await stock(1), await stock(1)], () => set(1, 9)],
  ['stale read', 'READ_COMMITTED', async () => [await stock(1), await stock(2)], setBoth([1, 9], [2, 9])],
  [
    'phantom',
    'READ_COMMITTED',
    async () => [await number('select count(*) as n from product'), await number('select count(*) as n from product')],
    () => run('insert into product (id, stock) values (3, 5)'),
  ],
  ...(engine.name === 'postgres'
    ? []
    : ([
        [
          'dirty read',
          'READ_UNCOMMITTED',
          () => stock(1),
          async () => {
            await set(1, 9);
            throw new Error('taken back');
          },
        ],
        ['dirty read', 'READ_UNCOMMITTED', () => stock(1), setBoth([1, 9], [1, 8])],
      ] satisfies readonly Case[])),
];

describe.skipIf(engine.name === 'sqlite')('an anomaly', () => {
  const tried = (
    alice: Body,
    bob: Body,
    isolationLevel: IsolationLevel,
    maxRemedyRuntime = 0,
  ): Promise<InterleaveReport> =>
    interleave(database, {
      setup: seed,
      actors: {
        alice: () => database.transaction(alice, { isolationLevel }),
        '<b>bob & "co"</b>': () => database.transaction(bob, { isolationLevel }),
      },
      maxRemedyRuntime,
    });

  it.each(cases)('is named: %s at %s', async (kind, level, alice, bob) => {
    const report = await tried(alice, bob, level);
    expect(report.anomalies[0], report.toString()).toMatchObject({ kind });
    expect(() => report.assertSerializable()).toThrow(`This looks like a ${kind}.`);
  });

  it('is shown as a page: a column for each actor, the kind, places and remedies, and nothing that is not escaped', async () => {
    const secret = 424_242;
    const html = (
      await tried(async () => set(1, (await stock(1)) + secret), takeOne, 'READ_COMMITTED', 10_000)
    ).toHtml();
    expect(html).toContain(
      '<th scope="col">alice</th><th scope="col">&lt;b&gt;bob &amp; &quot;co&quot;&lt;/b&gt;</th>',
    );
    expect(html).not.toContain('<b>');
    expect(html).toMatch(/<h2>lost update, with one switch<\/h2>/);
    expect(html).toMatch(
      /<tr><td class="number">1<\/td><td><code>BEGIN; select stock as n from product where id = \?<\/code>/,
    );
    expect(html).toMatch(/<td><\/td><td><code>BEGIN; select/);
    expect(html).toMatch(/interleave-kinds\.test\.ts:\d+:\d+/);
    expect(html).toMatch(/<strong class="good">works<\/strong> With FOR UPDATE on the read at /);
    expect(html).not.toContain(String(secret));
    // It needs nothing else.
    expect(html).not.toMatch(/<script|<link|<img|https?:|@import|url\(/);
  });

  it('that there is none, too', async () => {
    const html = (
      await tried(
        () => set(1, 1),
        () => set(2, 2),
        'READ_COMMITTED',
      )
    ).toHtml();
    expect(html).toMatch(/<h1>No anomaly in (\d+) of \1 orders of alice, &lt;b&gt;bob/);
    expect(html).not.toContain('<table>');
  });
});
