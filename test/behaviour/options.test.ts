import { beforeEach, describe, expect, it } from 'vitest';
import { type Database, sql, statement, type TransactionOptions } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(() => {
  database = server.open();
});

const injected = 'SERIALIZABLE; drop table product; --';
type Options = Record<string, unknown>;

/** Objects whose option no list of own enumerable properties shows. */
const hidden: readonly [string, (name: string, value: unknown) => object][] = [
  ['a prototype', (name, value) => Object.create({ [name]: value }) as Options],
  ['an accessor of a class', (name, value) => new (withAccessor(name, () => value))()],
  ['a property that is not listed', (name, value) => Object.defineProperty({}, name, { value })],
  ['a Proxy', (name, value) => new Proxy({}, { get: (_, asked) => (asked === name ? value : undefined) })],
  [
    'a prototype of a prototype',
    (name, value) => Object.create(Object.create({ [name]: value }) as Options) as Options,
  ],
];

function withAccessor(name: string, get: () => unknown): new () => object {
  return class {
    static {
      Object.defineProperty(this.prototype, name, { get });
    }
  };
}

/** An option that is good when it is read first, and something else from then on. */
function changing(name: string, first: unknown, then: unknown): object {
  let reads = 0;
  return {
    get [name]() {
      reads += 1;
      return reads === 1 ? first : then;
    },
  };
}

async function expectUntouched(): Promise<void> {
  expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0, opening: 0 });
  expect(await server.products()).toEqual([]);
}

describe('options that are no plain object', () => {
  it.each(hidden)('an isolation level of %s is checked before anything is sent', async (_, give) => {
    for (const value of [injected, 'bogus', '__proto__', 5, ['SERIALIZABLE']]) {
      const options: TransactionOptions = give('isolationLevel', value);
      const error = await rejection(database.transaction(() => insert(database, 1), options));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error.message).not.toContain('drop table');
      expect(() => database.Transactional(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
    await expectUntouched();
  });

  it.each(hidden)('a good isolation level of %s counts', async (_, give) => {
    const active = await database.transaction(
      async () => {
        await insert(database, 1);
        return database.current.transaction.active;
      },
      give('isolationLevel', 'SERIALIZABLE'),
    );
    expect(active?.isolationLevel).toBe('SERIALIZABLE');
    expect(await server.products()).toEqual([1]);
  });

  it.each<[string, unknown, unknown]>([
    ['isolationLevel', 'SERIALIZABLE', injected],
    ['propagation', 'REQUIRED', 'constructor'],
    ['timeout', 20_000, Number.NaN],
    ['rollbackOn', () => true, 'never'],
    ['retry', { attempts: 2 }, { attempts: Number.POSITIVE_INFINITY }],
    ['signal', new AbortController().signal, {}],
    ['readOnly', false, 'yes'],
    ['name', 'sale', { toString: () => 'x' }],
  ])('%s is read once: what was checked is what is used', async (name, first, then) => {
    const options = changing(name, first, then);
    await database.transaction(async () => {
      await insert(database, 1);
      expect(database.current.transaction.active?.name).toBe(name === 'name' ? 'sale' : 'anonymous');
    }, options);
    const failed = await rejection(
      database.transaction(() => Promise.reject(new Error('no')), changing(name, first, then)),
    );
    expect(failed.message).toBe('no');
    expect(await server.products()).toEqual([1]);
  });

  it('options are as they were at the call, whatever becomes of the object', async () => {
    const options: Options = { name: 'before', retry: { attempts: 1 } };
    const names = await database.transaction(async () => {
      Object.assign(options, { name: 'after', isolationLevel: injected, rollbackOn: 5 });
      Object.assign(options['retry'] as object, { attempts: 'many' });
      await insert(database, 1);
      return database.current.transaction.active?.name;
    }, options);
    expect(names).toBe('before');
    expect(await server.products()).toEqual([1]);
  });

  it.each<[string, unknown]>([
    ['an option of JSON that is named __proto__', JSON.parse(`{"__proto__":{"isolationLevel":"${injected}"}}`)],
    ['an unknown option of a prototype', Object.create({ isolation: 'SERIALIZABLE' })],
    [
      'a getter that throws',
      Object.defineProperty({}, 'timeout', {
        get: () => {
          throw new TypeError('hunter2');
        },
      }),
    ],
    ['a Proxy that was revoked', revoked()],
    [
      'a Proxy that throws',
      new Proxy(
        {},
        {
          get: () => {
            throw new TypeError('hunter2');
          },
        },
      ),
    ],
  ])('%s is refused', async (_, options) => {
    const error = await rejection(database.transaction(() => insert(database, 1), options as TransactionOptions));
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).not.toContain('hunter2');
    await expectUntouched();
  });

  it('what was put onto all objects is no option of anybody', async () => {
    Reflect.defineProperty(Object.prototype, 'polluted', { value: 1, enumerable: true, configurable: true });
    try {
      await database.transaction(() => insert(database, 1), { name: 'sale' });
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
    expect(await server.products()).toEqual([1]);
  });

  it('a decorator keeps the options that it was given', async () => {
    class Shop {
      sell(): Promise<string | undefined> {
        return insert(database, 1).then(() => database.current.transaction.active?.isolationLevel);
      }
    }
    const given = new (withAccessor('isolationLevel', () => 'SERIALIZABLE'))();
    const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, 'sell');
    if (descriptor === undefined) throw new Error('no method');
    Object.defineProperty(Shop.prototype, 'sell', database.Transactional(given)(Shop.prototype, 'sell', descriptor));
    expect(await new Shop().sell()).toBe('SERIALIZABLE');
  });
});

describe('statements that are no plain objects', () => {
  it('values are read once: what was looked at is what is sent', async () => {
    const values = [1];
    const insert = statement('insert into product (id) values ($1)', values);
    values[0] = 2;
    await database.transaction.batch([insert]);
    expect(await server.products()).toEqual([1]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'select 1'],
    ['an object', {}],
    ['a list of texts', ['select 1']],
    ['a list of nothing', [null]],
    ['what looks like a statement', [{ text: 'insert into product (id) values (1)', values: [] }]],
    ['what was a statement before it was JSON', [JSON.parse(JSON.stringify(sql`select ${1}`))]],
  ])('a batch of %s is refused', async (_, statements) => {
    expect(await rejection(database.transaction.batch(statements as never))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await rejection(database.current.batch(statements as never))).toMatchObject({ code: 'INVALID_OPTION' });
    await expectUntouched();
  });

  it.each<[string, unknown]>([
    ['a text', 'last'],
    ['an unknown name', { lst: true }],
    ['a wrong type', { last: 'yes' }],
    ['null', null],
  ])('options of a query that are %s are refused', async (_, options) => {
    const query = database.current.query('select 1', [], options as never);
    expect(await rejection(query)).toMatchObject({ code: 'INVALID_OPTION' });
    await expectUntouched();
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
