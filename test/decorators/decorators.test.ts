// Runs twice: compiled to the legacy decorators of TypeScript, and to the standard ones.
import 'reflect-metadata';
import { afterAll, describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, Database, isTransactionActive, type TransactionOptions } from '../../src/index.ts';

const client = postgres({ connectionString: process.env['DATABASE_URL'], max: 1 });
const database = createDatabase({ clients: { default: client } });
const second = createDatabase({ clients: { default: client } });
const { Transactional } = database;

let standard: string | undefined;

/** Puts metadata on a method, as the decorators of a framework do; for both standards. */
function route(path: string) {
  return (first: unknown, context: unknown, descriptor?: { value?: unknown }): void => {
    standard = typeof context === 'object' ? 'standard' : 'legacy';
    const method = typeof context === 'object' ? first : descriptor?.value;
    Reflect.defineMetadata('route', path, method as object);
  };
}

class Orders {
  readonly shop = 'shop';

  @Transactional()
  @route('/orders')
  async place(id: number): Promise<string> {
    return `order ${id} of ${this.shop} in ${isTransactionActive()}`;
  }

  @Transactional({ propagation: 'REQUIRES_NEW' })
  async level(): Promise<number> {
    return database.current.level;
  }

  @Transactional({ propagation: 'MANDATORY' })
  async refuse(): Promise<void> {}

  @Transactional()
  async look(): Promise<{ name: string | undefined; openedAt: string | undefined }> {
    await database.current.query('select 1');
    const { oldestHolder } = database.stats().clients.default;
    return { name: database.current.transaction.active?.name, openedAt: oldestHolder?.openedAt };
  }
}

class Report {
  readonly bean: { readonly database: Database } | undefined;

  constructor(of?: Database) {
    this.bean = of && { database: of };
  }

  @Database.transaction()
  async which(): Promise<string> {
    return second.current.inTransaction ? 'second' : database.current.inTransaction ? 'first' : 'none';
  }
}

describe('a decorated method', () => {
  afterAll(async () => {
    await Promise.all([database.close(), second.close()]);
  });
  const orders = new Orders();
  const place = Object.getOwnPropertyDescriptor(Orders.prototype, 'place')?.value as () => void;

  it('was decorated by the standard that is meant', () => {
    expect(standard).toBe(process.env['DECORATORS']);
  });

  it('runs in a transaction, with its own this and arguments', async () => {
    expect(await orders.place(7)).toBe('order 7 of shop in true');
  });

  it('takes options', async () => {
    expect(await database.transaction(() => orders.level())).toBe(1);
    await expect(orders.refuse()).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
  });

  it('keeps its name and length, and the metadata of other decorators', () => {
    expect([place.name, place.length]).toEqual(['place', 1]);
    expect(Reflect.getMetadata('route', place)).toBe('/orders');
  });

  it('gives its name to the transaction, which knows where the decorator was applied', async () => {
    expect(await orders.look()).toEqual({
      name: 'look',
      openedAt: expect.stringMatching(/decorators\.test\.ts:\d+/) as string,
    });
  });

  it('by Database.transaction() uses the database of this.bean, else the first one', async () => {
    expect(await new Report().which()).toBe('first');
    expect(await new Report(second).which()).toBe('second');
  });

  it('refuses bad options where it is decorated', () => {
    const bad = { propagation: 'SOMETIMES' } as unknown as TransactionOptions;
    expect(() => Transactional(bad)).toThrow(/REQUIRED/);
    expect(() => Database.transaction(bad)).toThrow(/REQUIRED/);
  });
});
