// Services that are right, under every order of their statements and without an invariant: none of them may be reported.
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database, TransactionOptions } from '../../src/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const server = useTestDatabase(
  `create table shop_order (id ${isPostgres ? 'serial' : 'int auto_increment'} primary key, product_id int not null, token varchar(40) not null,
    created_at ${isPostgres ? 'timestamptz' : 'timestamp(3)'} not null default ${isPostgres ? 'now()' : 'now(3)'})`,
  `create table order_line (id ${isPostgres ? 'serial' : 'int auto_increment'} primary key, order_id int not null, quantity int not null)`,
  'create table account (email varchar(80) primary key, name varchar(80) not null)',
  'create table job (id int primary key, state varchar(10) not null)',
  'create table counter (name varchar(20) primary key, hits int not null)',
  'create table document (id int primary key, version int not null, body varchar(80) not null)',
);

let database: Database<'default'>;
beforeEach(() => {
  // A deadlock is seen soon: PostgreSQL looks after a second.
  database = server.open({ max: 4, options: '-c deadlock_timeout=400' });
});

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const number = async (text: string): Promise<number> => Number(Object.values((await run(text)).rows[0] ?? {})[0]);

async function seed(): Promise<void> {
  for (const table of ['order_line', 'shop_order', 'account', 'job', 'counter', 'document', 'product'])
    await run(`delete from ${table}`);
  await run("insert into product (id, stock, name) values (1, 1, 'book'), (2, 5, 'pen')");
  await run("insert into job (id, state) values (1, 'new'), (2, 'new')");
  await run("insert into document (id, version, body) values (1, 1, '')");
}

/** An order with its line: ids, a time and a token that no two orders share. */
async function order(quantity: number): Promise<number> {
  const token = randomUUID();
  await run('insert into shop_order (product_id, token) values (1, $1)', [token]);
  const { rows } = await run('select id from shop_order where token = $1', [token]);
  await run('insert into order_line (order_id, quantity) values ($1, $2)', [rows[0]?.['id'], quantity]);
  return Number(rows[0]?.['id']);
}

type Body = () => Promise<unknown>;
const inTransaction =
  (body: Body, options?: TransactionOptions): Body =>
  () =>
    database.transaction(body, options);
const serializable: TransactionOptions = { isolationLevel: 'SERIALIZABLE', retry: { attempts: 9, delay: 1 } };

/** Reads the stock, and takes one if there is one. */
const readAndTake =
  (lock = ''): Body =>
  async () => {
    const stock = await number(`select stock from product where id = 1 ${lock}`);
    if (stock < 1) throw new Error('sold out');
    await run('update product set stock = $1 where id = 1', [stock - 1]);
    return stock;
  };

const claim =
  (name: string): Body =>
  async () => {
    const { rows } = await run("select id from job where state = 'new' order by id limit 1 for update skip locked");
    const id = rows[0]?.['id'];
    if (id === undefined) return undefined;
    await run('update job set state = $1 where id = $2', [name, id]);
    return id;
  };

/** Each by itself, as what alice and bob do. */
const services: Readonly<Record<string, readonly [Body, Body]>> = {
  'a conditional update': both(
    inTransaction(async () => {
      const { rowCount } = await run('update product set stock = stock - 1 where id = 1 and stock > 0');
      if (rowCount === 0) throw new Error('sold out');
      return await order(1);
    }),
  ),
  'a unique constraint behind a check': both(async () => {
    if ((await number("select count(*) from account where email = 'a@example.com'")) > 0) throw new Error('taken');
    await run("insert into account (email, name) values ('a@example.com', 'ann')");
  }),
  'FOR UPDATE': both(inTransaction(readAndTake('for update'))),
  'SERIALIZABLE with retry': both(inTransaction(readAndTake(), serializable)),
  'SERIALIZABLE without retry': both(inTransaction(readAndTake(), { isolationLevel: 'SERIALIZABLE' })),
  'an advisory lock, or a row that is one': both(
    inTransaction(
      async () => {
        await run(
          isPostgres ? 'select pg_advisory_xact_lock(42)' : 'select body from document where id = 1 for update',
        );
        return await readAndTake()();
      },
      // A lock comes too late for a snapshot that was taken before.
      { isolationLevel: 'READ_COMMITTED' },
    ),
  ),
  'a queue with SKIP LOCKED': [inTransaction(claim('a')), inTransaction(claim('b'))],
  'a version column': [edit('a'), edit('b')],
  'an upsert': both(() =>
    run(
      isPostgres
        ? "insert into counter (name, hits) values ('home', 1) on conflict (name) do update set hits = counter.hits + 1"
        : "insert into counter (name, hits) values ('home', 1) on duplicate key update hits = hits + 1",
    ),
  ),
  'an atomic increment': [
    () => run('update product set stock = stock + 1 where id = 2'),
    inTransaction(async () => {
      await run('update product set stock = stock + 2 where id = 2');
      return await order(2);
    }),
  ],
  'an insert if absent': [insertIfAbsent('a'), insertIfAbsent('b')],
  'locks that are taken in different orders': [inTransaction(move(1, 2)), inTransaction(move(2, 1))],
};

function both(body: Body): [Body, Body] {
  return [body, body];
}

/** Changes a document that has not been changed since it was read. */
function edit(body: string): Body {
  return async () => {
    const version = await number('select version from document where id = 1');
    const { rowCount } = await run('update document set version = $1, body = $2 where id = 1 and version = $3', [
      version + 1,
      body,
      version,
    ]);
    return rowCount === 1;
  };
}

function insertIfAbsent(name: string): Body {
  return async () => {
    await run(
      isPostgres
        ? "insert into account (email, name) values ('a@example.com', $1) on conflict do nothing"
        : "insert ignore into account (email, name) values ('a@example.com', $1)",
      [name],
    );
    return (await run("select name from account where email = 'a@example.com'")).rows;
  };
}

function move(from: number, to: number): Body {
  return async () => {
    await run('update product set stock = stock - 1 where id = $1', [from]);
    await run('update product set stock = stock + 1 where id = $1', [to]);
  };
}

describe.skipIf(engine.name === 'sqlite')('a service that is right is not reported:', () => {
  const tried = async ([alice, bob]: readonly [Body, Body]): Promise<InterleaveReport> =>
    await interleave(database, { setup: seed, actors: { alice, bob }, maxRemedyRuntime: 0 });

  it.each(Object.entries(services))('%s', async (_, actors) => {
    const report = await tried(actors);
    expect(report.toString()).toContain('No anomaly');
    expect(report).toMatchObject({ anomalous: 0, isComplete: true });
    report.assertSerializable();
  });

  it('and is, without what makes it right', async () => {
    const report = await tried(both(inTransaction(readAndTake())));
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update', switches: 1 });
    expect(report.anomalies[0]?.found).toMatch(/^no serial order gives this: /);
    expect(() => report.assertSerializable()).toThrow(expect.objectContaining({ code: 'ANOMALY_FOUND' }));
  });
});
