// The adapter of Drizzle on a driver whose transactions run to their end at once: SQLite in memory.
import { Test, type TestingModule } from '@nestjs/testing';
import { drizzle } from 'drizzle-orm/sql-js';
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core';
import { ClsModule } from 'nestjs-cls';
import initSqlJs from 'sql.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as shim from '../../src/compat/nestjs-cls/index.ts';
import { rejection } from '../support/settled.ts';
import { differencesOn } from './difference-table.ts';

const product = sqliteTable('product', { id: integer().primaryKey() });
const { Database } = await initSqlJs();
const { Propagation } = shim;
const declined = new Error('declined');

const open = () => drizzle(new Database());
type Client = ReturnType<typeof open>;
type Adapter = shim.TransactionalAdapterDrizzleOrm<Client>;

let client: Client;
let module: TestingModule;
let host: shim.TransactionHost<Adapter>;

async function start(options: Partial<shim.DrizzleOrmTransactionalAdapterOptions<Client>> = {}): Promise<void> {
  client = open();
  client.run('create table product (id integer primary key)');
  const adapter = Object.assign(
    new shim.TransactionalAdapterDrizzleOrm<Client>({ drizzleInstanceToken: 'DRIZZLE', ...options }),
    { connectionToken: undefined, connection: client },
  );
  const plugins = [new shim.ClsPluginTransactional({ adapter, connectionName: 'sync' })];
  module = await Test.createTestingModule({ imports: [ClsModule.registerPlugins(plugins)] }).compile();
  host = module.get<shim.TransactionHost<Adapter>>(shim.getTransactionHostToken('sync'));
}

beforeEach(() => start());
afterEach(async () => {
  await module.close();
});

const add = (id: number): void => host.tx.insert(product).values({ id }).run();
const ids = (): number[] =>
  client
    .select()
    .from(product)
    .all()
    .map(({ id }) => id);
const run = (body: () => unknown, propagation: shim.Propagation = Propagation.Required): Promise<unknown> =>
  host.withTransaction(propagation, body as () => Promise<unknown>);
const fail = (): never => {
  throw declined;
};

describe('a method that is not async', () => {
  it.each(['auto', 'sync'] as const)('commits, and rolls back with an error (mode %s)', async (transactionMode) => {
    await module.close();
    await start({ transactionMode });
    expect(await run(() => (add(1), ids()))).toEqual([1]);
    expect(await rejection(run(() => (add(2), fail())))).toBe(declined);
    expect(ids()).toEqual([1]);
  });

  it('is undone alone where it is NESTED, and goes with the transaction around it', async () => {
    let failed: Promise<unknown> | undefined;
    await run(() => {
      add(1);
      void run(() => add(2), Propagation.Nested);
      failed = rejection(run(() => (add(3), fail()), Propagation.Nested));
    });
    expect(await failed).toBe(declined);
    expect(ids()).toEqual([1, 2]);
    await rejection(run(() => (void run(() => add(4), Propagation.Nested), fail())));
    expect(ids()).toEqual([1, 2]);
  });

  it('does not commit a half where a scope that joined has failed', async () => {
    let failed: Promise<unknown> | undefined;
    const call = run(() => {
      add(1);
      failed = rejection(run(fail));
    });
    expect(await rejection(call)).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: declined });
    expect(await failed).toBe(declined);
    expect(ids()).toEqual([]);
  });
});

describe('a method that is async', () => {
  it('is rolled back, and what it sends afterwards is refused', async () => {
    const late: unknown[] = [];
    const attempt = async (send: () => unknown): Promise<void> => {
      try {
        late.push(await send());
      } catch (error) {
        late.push((error as { code?: string }).code);
      }
    };
    let ended: Promise<void> | undefined;
    const sell = async (): Promise<void> => {
      add(1);
      await Promise.resolve();
      await attempt(() => add(2));
      await attempt(() => run(() => add(3)));
      await attempt(() => host.isTransactionActive());
    };
    const error = await rejection(run(() => (ended = sell())));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    await ended;
    expect(late).toEqual(['INVALID_OPTION', 'INVALID_OPTION', 'INVALID_OPTION']);
    expect(ids()).toEqual([]);
    await run(() => add(4));
    expect(ids()).toEqual([4]);
  });

  it('neither is a query that it gives sent', async () => {
    expect(await rejection(run(() => host.tx.insert(product).values({ id: 1 })))).toMatchObject({
      code: 'INVALID_OPTION',
    });
    expect(ids()).toEqual([]);
  });

  it('has a row in the table of the page', () => {
    expect(differencesOn('nestjs-cls').has('An async method on a synchronous driver')).toBe(true);
  });
});

it('another mode than there is, is refused', () => {
  const make = (): unknown =>
    new shim.TransactionalAdapterDrizzleOrm({ drizzleInstanceToken: 'DRIZZLE', transactionMode: 'maybe' as never });
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
});
