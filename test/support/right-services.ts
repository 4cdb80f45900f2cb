// Services that are right, each as what two callers do: for proofs that may report none of them.
import { randomUUID } from 'node:crypto';
import type { Database, TransactionOptions } from '../../src/index.ts';
import { engine } from './database.ts';

const isPostgres = engine.name === 'postgres';

/** What makes their tables. */
export const rightServiceTables: readonly string[] = [
  `create table shop_order (id ${isPostgres ? 'serial' : 'int auto_increment'} primary key, product_id int not null, token varchar(40) not null,
    created_at ${isPostgres ? 'timestamptz' : 'timestamp(3)'} not null default ${isPostgres ? 'now()' : 'now(3)'})`,
  `create table order_line (id ${isPostgres ? 'serial' : 'int auto_increment'} primary key, order_id int not null, quantity int not null)`,
  'create table account (email varchar(80) primary key, name varchar(80) not null)',
  'create table job (id int primary key, state varchar(10) not null)',
  'create table counter (name varchar(20) primary key, hits int not null)',
  'create table document (id int primary key, version int not null, body varchar(80) not null)',
];

/** Their names, for the tests of each. */
export const rightServiceNames = [
  'a conditional update',
  'a unique constraint behind a check',
  'FOR UPDATE',
  'SERIALIZABLE with retry',
  'SERIALIZABLE without retry',
  'an advisory lock, or a row that is one',
  'a queue with SKIP LOCKED',
  'a version column',
  'an upsert',
  'an atomic increment',
  'an insert if absent',
  'locks that are taken in different orders',
] as const;

export type Body = () => Promise<unknown>;

export interface RightServices {
  /** Brings the rows into the state from which they begin. */
  readonly seed: () => Promise<void>;
  readonly pairs: Readonly<Record<(typeof rightServiceNames)[number], readonly [Body, Body]>>;
  /** Runs a body in a transaction. */
  readonly inTransaction: (body: Body, options?: TransactionOptions) => Body;
  /** Reads the stock, and takes one if there is one: wrong without a lock. */
  readonly readAndTake: (lock?: string) => Body;
}

/** @param retry of each transaction; with it there is none without a transaction */
export function rightServices(database: Database<'default'>, retry?: TransactionOptions['retry']): RightServices {
  const run = (text: string, values: readonly unknown[] = []) =>
    database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
  const number = async (text: string): Promise<number> => Number(Object.values((await run(text)).rows[0] ?? {})[0]);
  const inTransaction =
    (body: Body, options: TransactionOptions = {}): Body =>
    () =>
      database.transaction(body, retry === undefined ? options : { retry, ...options });
  const plain = (body: Body): Body => (retry === undefined ? body : inTransaction(body));
  const serializable: TransactionOptions = { isolationLevel: 'SERIALIZABLE' };

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

  /** Changes a document that has not been changed since it was read. */
  const edit = (body: string): Body =>
    plain(async () => {
      const version = await number('select version from document where id = 1');
      const { rowCount } = await run('update document set version = $1, body = $2 where id = 1 and version = $3', [
        version + 1,
        body,
        version,
      ]);
      return rowCount === 1;
    });

  const insertIfAbsent = (name: string): Body =>
    plain(async () => {
      await run(
        isPostgres
          ? "insert into account (email, name) values ('a@example.com', $1) on conflict do nothing"
          : "insert ignore into account (email, name) values ('a@example.com', $1)",
        [name],
      );
      return (await run("select name from account where email = 'a@example.com'")).rows;
    });

  const move = (from: number, to: number): Body =>
    inTransaction(async () => {
      await run('update product set stock = stock - 1 where id = $1', [from]);
      await run('update product set stock = stock + 1 where id = $1', [to]);
    });

  const pairs: RightServices['pairs'] = {
    'a conditional update': both(
      inTransaction(async () => {
        const { rowCount } = await run('update product set stock = stock - 1 where id = 1 and stock > 0');
        if (rowCount === 0) throw new Error('sold out');
        return await order(1);
      }),
    ),
    'a unique constraint behind a check': both(
      plain(async () => {
        if ((await number("select count(*) from account where email = 'a@example.com'")) > 0) throw new Error('taken');
        await run("insert into account (email, name) values ('a@example.com', 'ann')");
      }),
    ),
    'FOR UPDATE': both(inTransaction(readAndTake('for update'))),
    'SERIALIZABLE with retry': both(
      inTransaction(readAndTake(), { ...serializable, retry: { attempts: 9, delay: 1 } }),
    ),
    'SERIALIZABLE without retry': both(inTransaction(readAndTake(), serializable)),
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
    'an upsert': both(
      plain(() =>
        run(
          isPostgres
            ? "insert into counter (name, hits) values ('home', 1) on conflict (name) do update set hits = counter.hits + 1"
            : "insert into counter (name, hits) values ('home', 1) on duplicate key update hits = hits + 1",
        ),
      ),
    ),
    'an atomic increment': [
      plain(() => run('update product set stock = stock + 1 where id = 2')),
      inTransaction(async () => {
        await run('update product set stock = stock + 2 where id = 2');
        return await order(2);
      }),
    ],
    'an insert if absent': [insertIfAbsent('a'), insertIfAbsent('b')],
    'locks that are taken in different orders': [move(1, 2), move(2, 1)],
  };
  return { seed, pairs, inTransaction, readAndTake };
}

function both(body: Body): [Body, Body] {
  return [body, body];
}
