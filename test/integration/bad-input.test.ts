import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import {
  createDatabase,
  type Database,
  InvalidOptionError,
  type TransactionOptions,
  UnknownClientError,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const server = useTestDatabase();
let proxy: WireProxy;
let database: Database<'default'>;
beforeAll(async () => {
  proxy = await startWireProxy(server.url);
});
afterAll(() => proxy.close());
beforeEach(() => {
  database = server.open({ connectionString: proxy.url });
  proxy.takeRoundTrips();
});

/** Nothing was taken, nothing was sent. */
function expectUntouched(): void {
  expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0, opening: 0 });
  expect(proxy.takeRoundTrips()).toBe(0);
}

const strange: readonly unknown[] = [
  '',
  '__proto__',
  'constructor',
  'required',
  0,
  {},
  [],
  null,
  Symbol('x'),
  'a'.repeat(10_000),
];

describe('options of a transaction', () => {
  const cases: [string, unknown, RegExp][] = [
    ...strange.map((value) => ['propagation', value, /REQUIRED, SUPPORTS, MANDATORY/] as [string, unknown, RegExp]),
    ...strange.map(
      (value) => ['isolationLevel', value, /READ_COMMITTED, REPEATABLE_READ/] as [string, unknown, RegExp],
    ),
    ['isolationLevel', 'SERIALIZABLE; drop table product', /SERIALIZABLE/],
    ['timeout', 0, /1 to 2147483647/],
    ['timeout', -5, /1 to/],
    ['timeout', 1.5, /whole number/],
    ['timeout', Number.NaN, /whole number/],
    ['timeout', '100', /whole number/],
    ['timeout', 1e12, /2147483647/],
    ['readOnly', 'yes', /true or false/],
    ['signal', {}, /AbortSignal/],
    ['retry', 3, /object/],
    ['retry', {}, /attempts/],
    ['retry', { attempts: 0 }, /1 to 1000/],
    ['retry', { attempts: 2, backoff: 1 }, /attempts, delay/],
    ['rollbackOn', [], /function/],
    ['name', '', /1 to 200 characters/],
    ['isolation', 'SERIALIZABLE', /isolationLevel/],
    ['__proto__x', 1, /propagation/],
  ];

  it.each(cases)('%s: %s is refused with what is allowed', async (name, value, allowed) => {
    const error = await rejection(database.transaction(() => insert(database, 1), { [name]: value }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    expect(error.message).toMatch(allowed);
    expect(error.message).not.toContain('drop table');
    expectUntouched();
  });

  it.each([[1], ['options'], [[]], [null]])('%s instead of options', async (options) => {
    expect(
      await rejection(database.transaction(() => insert(database, 1), options as TransactionOptions)),
    ).toBeInstanceOf(InvalidOptionError);
    expectUntouched();
  });

  it.each(['NOT_SUPPORTED', 'NEVER'] as const)('what needs a transaction together with %s', async (propagation) => {
    const error = await rejection(database.transaction(async () => {}, { propagation, timeout: 100 }));
    expect(error.message).toContain('runs without a transaction');
  });

  it('a body that is no function', async () => {
    expect(await rejection(database.transaction('select 1' as unknown as () => void))).toBeInstanceOf(
      InvalidOptionError,
    );
    expectUntouched();
  });

  it('the refusal inside a transaction leaves it as it was', async () => {
    await database.transaction(async () => {
      await insert(database, 1);
      await rejection(
        database.transaction(async () => {}, { propagation: 'SOMETIMES' } as unknown as TransactionOptions),
      );
    });
    expect(await server.products()).toEqual([1]);
  });
});

describe('clients and levels', () => {
  it.each([...strange, 'Default', undefined].filter((name) => name !== undefined))(
    'the client %s is unknown',
    async (clientName) => {
      const info = { clientName: clientName as 'default' };
      for (const attempt of [
        () => database.getDb(info),
        () => database.switchDb(async () => {}, info),
        () => database.switchDbIsolate(async () => {}, info),
      ]) {
        const error = await rejection((async () => attempt())());
        expect(error).toBeInstanceOf(UnknownClientError);
        expect(error).toMatchObject({ code: 'UNKNOWN_CLIENT', message: expect.stringContaining('default') as string });
      }
      expectUntouched();
    },
  );

  it.each([-1, 0.5, 1e9, Number.NaN, Number.POSITIVE_INFINITY, '1', {}, null])(
    'the level %s is refused',
    async (level) => {
      const info = { level: level as number };
      for (const attempt of [() => database.getDb(info), () => database.switchDb(async () => {}, info)]) {
        const error = await rejection((async () => attempt())());
        expect(error).toBeInstanceOf(InvalidOptionError);
        expect(error.message).toContain('0 to 1000');
      }
      expectUntouched();
    },
  );

  it('unknown names in the info are refused', () => {
    expect(() => database.getDb({ client: 'default' } as object)).toThrow(InvalidOptionError);
  });
});

describe('statements', () => {
  it.each(['', '  ', undefined, null, 5, {}])('the text %s is refused', async (text) => {
    expect(await rejection(database.current.query(text as string))).toBeInstanceOf(InvalidOptionError);
    expectUntouched();
  });

  it('values that are no array', async () => {
    expect(await rejection(database.current.query('select $1', 'x' as unknown as unknown[]))).toBeInstanceOf(
      InvalidOptionError,
    );
    expectUntouched();
  });

  it.each([
    'BEGIN',
    'start transaction',
    ' /* hm */ commit',
    '-- end\nROLLBACK',
    'end',
    'abort',
    'savepoint a',
    'release a',
    'rollback to a',
    "prepare transaction 'x'",
    'set transaction isolation level serializable',
    'set local transaction read only',
    'set session characteristics as transaction read only',
    'COMMIT AND CHAIN',
  ])('%s would control a transaction and is not sent', async (text) => {
    const error = await rejection(database.current.query(text));
    expect(error).toMatchObject({
      code: 'TRANSACTION_CONTROL',
      remedy: expect.stringContaining('transaction()') as string,
    });
    expectUntouched();
  });

  it('several statements in one string are refused by the server', async () => {
    expect(await rejection(database.current.query('select 1; commit; select 2'))).toMatchObject({ code: '42601' });
  });

  it('a value that cannot be sent fails before anything is, and the transaction goes on', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await database.transaction(async () => {
      await rejection(database.current.query('insert into product (id, name) values (1, $1)', [circular]));
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([2]);
  });

  it('a column named __proto__ is a column', async () => {
    const { rows } = await database.current.query('select 1 as "__proto__", 2 as "constructor"');
    expect(Object.entries(rows[0] ?? {})).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ]);
    expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype);
  });

  it('COPY is refused, and the connection stays usable', async () => {
    await rejection(database.current.query('copy product from stdin'));
    await insert(database, 1);
    await rejection(database.current.query('copy product to stdout'));
    await insert(database, 2);
  });

  it('a value never reaches an error of Sluice', async () => {
    const error = await rejection(
      database.transaction(async () => {
        await database.current.query('insert into product (id, name) values (1, $1)', ['hunter2']);
        await rejection(database.current.query('insert into product (id, name) values (1, $1)', ['hunter2']));
      }),
    );
    expect(error.message + String(error.stack) + JSON.stringify(error['chain'])).not.toContain('hunter2');
  });

  it('an error of the server says where the statement was sent from', async () => {
    const error = await rejection(database.current.query('select nothing_there'));
    expect(error.stack).toMatch(/sent by[\s\S]*bad-input\.test\.ts:\d+/);
  });

  it.each([undefined, 'x', {}])('a hook that is %s', (hook) => {
    expect(() => database.current.commit(hook as unknown as () => void)).toThrow(InvalidOptionError);
  });
});

describe('createDatabase and postgres', () => {
  it.each<[object, RegExp]>([
    [{ max: 0 }, /1 to 100000/],
    [{ max: -1 }, /1 to 100000/],
    [{ max: 1.5 }, /whole number/],
    [{ max: '10' }, /whole number/],
    [{ maxLevel: -1 }, /0 to 64/],
    [{ maxLevel: 1e9 }, /0 to 64/],
    [{ maxLevel: 4, budget: 4 }, /above maxLevel, at least 5/],
    [{ budget: 0 }, /1 to 100000/],
    [{ acquireTimeout: 0 }, /1 to/],
    [{ idleTimeout: Number.NaN }, /0 to/],
  ])('the pool options %o are refused', (options, allowed) => {
    const create = (): unknown =>
      createDatabase({ clients: { default: postgres({ connectionString: server.url, ...options }) } });
    expect(create).toThrow(InvalidOptionError);
    expect(create).toThrow(allowed);
  });

  it.each<[object, RegExp]>([
    [{ connectionString: 'not a url with hunter2' }, /postgres:\/\//],
    [{ connectionString: 'mysql://root:hunter2@localhost/shop' }, /postgres:\/\//],
    [{ connectionString: 'postgres://shop:hunter2@localhost:99999/shop' }, /postgres:\/\//],
    [{ connectionString: '' }, /postgres:\/\//],
    [{ connectionString: 5 }, /postgres:\/\//],
    [{ port: 70_000 }, /1 to 65535/],
    [{ password: 5 }, /string or a function/],
    [{ conectionString: 'postgres://localhost' }, /connectionString/],
    [{ preparedStatements: -1 }, /0 to 100000/],
  ])('the connection options %o are refused, without the secret', (options, allowed) => {
    const create = (): unknown => postgres(options);
    expect(create).toThrow(InvalidOptionError);
    expect(create).toThrow(allowed);
    expect(create).not.toThrow(/hunter2/);
  });

  it.each<[unknown, RegExp]>([
    [undefined, /object/],
    [{}, /no clients/],
    [{ clients: {} }, /no clients/],
    [{ clients: { default: {} } }, /postgres\(\.\.\.\)/],
    [{ clients: { a: postgres(), b: postgres() } }, /defaultClient as one of: a, b/],
    [{ clients: { a: postgres() }, defaultClient: 'b' }, /one of: a/],
    [{ clients: { a: postgres() }, hookLimit: 0 }, /1 to/],
    [{ client: {} }, /clients/],
  ])('createDatabase(%o) is refused', (options, allowed) => {
    const create = (): unknown => createDatabase(options as Parameters<typeof createDatabase>[0]);
    expect(create).toThrow(InvalidOptionError);
    expect(create).toThrow(allowed);
  });

  it.each([-1, Number.NaN, 'soon'])('close with the timeout %s is refused', async (timeout) => {
    expect(await rejection(database.close({ timeout: timeout as number }))).toBeInstanceOf(InvalidOptionError);
  });
});
