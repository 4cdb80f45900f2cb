// What becomes of results that are larger than `maxResultBytes`, on an engine with connections.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { type Database, ResultTooLargeError, statement } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { insert, type TestDatabase } from './database.ts';
import { rejection } from './settled.ts';

export const limit = 50_000;
export const tooLarge = { code: 'RESULT_TOO_LARGE', clientName: 'default' } as const;

/** Rows of a thousand bytes and a little more. */
export const rowsOf = (count: number): string =>
  `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count}) select i, repeat('x', 1000) as text from n`;

/** How many bytes this process reads from its sockets while it does something. */
async function bytesRead(work: () => Promise<unknown>): Promise<number> {
  const sockets: Socket[] = [];
  const note = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', note);
  try {
    await work();
    return sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
  } finally {
    unsubscribe('net.client.socket', note);
  }
}

const codeOf = (error: unknown): unknown => (error as { readonly code: unknown }).code;
const outcomes = async (work: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(work)).map((each) => (each.status === 'fulfilled' ? 'done' : codeOf(each.reason)));

/** @param huge gives one row that is far larger than the limit */
export function checkResultSize(server: TestDatabase, huge: string): void {
  let database: Database<'default'>;
  beforeEach(() => {
    database = server.open({ max: 1, maxResultBytes: limit });
  });
  const goesOn = async (): Promise<void> => {
    await insert(database, 99);
    expect(await server.products()).toEqual([99]);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  };

  it('a statement gets what is below the limit, and an error of its own above, with what to do', async () => {
    expect((await database.query(rowsOf(40))).rowCount).toBe(40);
    const error = await rejection(database.query(rowsOf(60)));
    expect(error).toMatchObject(tooLarge);
    expect(error).toBeInstanceOf(ResultTooLargeError);
    expect(String(error)).toMatch(/50000 bytes.*maxResultBytes/s);
    expect((await database.query(rowsOf(40))).rowCount).toBe(40);
    await goesOn();
  });

  it('each answer is counted by itself', async () => {
    await database.transaction(async () => {
      for (let time = 0; time < 4; time += 1) expect((await database.query(rowsOf(30))).rowCount).toBe(30);
      const all = await Promise.all([30, 31, 32].map((count) => database.current.query(rowsOf(count))));
      expect(all.map(({ rowCount }) => rowCount)).toEqual([30, 31, 32]);
    });
  });

  it.each([
    ['many rows', rowsOf(900)],
    ['one row', huge],
  ])('the rest of %s is not read', async (_, text) => {
    const bytes = await bytesRead(async () => {
      const opened = server.open({ max: 1, maxResultBytes: limit });
      expect(await rejection(opened.query(text))).toMatchObject(tooLarge);
    });
    expect(bytes).toBeLessThan(limit + 300_000);
  });

  it('a transaction is rolled back, also where the error is caught', async () => {
    const transaction = database.transaction(async () => {
      await insert(database, 1);
      expect(await rejection(database.current.query(rowsOf(60)))).toMatchObject(tooLarge);
      expect(await rejection(insert(database, 2))).toMatchObject({ code: 'TRANSACTION_ENDED', cause: tooLarge });
    });
    expect(await rejection(transaction)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: tooLarge });
    expect(await server.products()).toEqual([]);
    await goesOn();
  });

  it.each([true, false])(
    'those in front have their rows, those behind are told that it has ended, with pipelining: %s',
    async (pipelining) => {
      database = server.open({ max: 1, maxResultBytes: limit, pipelining });
      const error = await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          const number = (value: number): Promise<unknown> => database.current.query(`select ${value} as value`);
          const work = [number(1), insert(database, 2), database.current.query(rowsOf(60)), number(2), number(3)];
          expect(await outcomes(work)).toEqual([
            'done',
            'done',
            'RESULT_TOO_LARGE',
            'TRANSACTION_ENDED',
            'TRANSACTION_ENDED',
          ]);
          expect(await work[0]).toMatchObject({ rows: [{ value: 1 }] });
          await work[2];
        }),
      );
      expect(error).toMatchObject(tooLarge);
      expect(await server.products()).toEqual([]);
      await goesOn();
    },
  );

  it.each([1, 2, 3])(
    'a batch of %i is rolled back, whatever of it is committed otherwise in the same write',
    async (count) => {
      const insertion = statement('insert into product (id) values ($1)', [1]);
      const all = [statement(rowsOf(60)), insertion, insertion].slice(0, count);
      expect(await rejection(database.batch(count === 3 ? [insertion, statement(rowsOf(60))] : all))).toMatchObject(
        tooLarge,
      );
      expect(await server.products()).toEqual([]);
      await goesOn();
    },
  );

  it('a statement that commits its transaction does not', async () => {
    await server.sql(`insert into product (id) select i from (${rowsOf(60)}) as rows_of`);
    const transaction = database.transaction(() =>
      database.current.query(`delete from product returning id, repeat('x', 1000)`, [], { last: true } as never),
    );
    expect(await rejection(transaction)).toMatchObject(tooLarge);
    expect(await server.products()).toHaveLength(60);
  });

  it('what else comes at the same time meets no connection that was cut', async () => {
    database = server.open({ max: 10, maxResultBytes: limit });
    let id = 0;
    const add = (): Promise<void> => insert(database, (id += 1));
    const times = (count: number, work: () => Promise<unknown>): Promise<unknown>[] =>
      Array.from({ length: count }, work);
    for (let round = 0; round < 30; round += 1) {
      const large = times(3, () => database.query(rowsOf(200)));
      const small = [...times(3, add), ...times(2, () => database.transaction(add))];
      expect(await outcomes([...large, ...small])).toEqual([
        ...large.map(() => 'RESULT_TOO_LARGE'),
        ...small.map(() => 'done'),
      ]);
    }
    expect(await server.products()).toHaveLength(30 * 5);
  });

  it('a library gets it too', async () => {
    const knex = createKnex(database);
    const transaction = database.transaction(async () => {
      await knex('product').insert({ id: 1 });
      await knex.raw(rowsOf(60));
    });
    expect(await rejection(transaction)).toMatchObject(tooLarge);
    expect(await server.products()).toEqual([]);
    await goesOn();
    await knex.destroy();
  });
}
