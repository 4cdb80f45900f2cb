// What each bind does with what it should not get: it says so with a code and a remedy, or it works as it should. Nothing
// is taken or sent meanwhile, and nothing escapes silently.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { drizzle } from 'drizzle-orm/node-postgres';
import type { Kysely } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ambientPool as ambientPoolOfMysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool, type postgres } from '../../src/drivers/postgres/index.ts';
import type { createDatabase, Database } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { generatePrismaClient } from '../support/prisma-client.ts';
import { rejection } from '../support/settled.ts';
import { held, invalid, nonsense, poolOf, thrown, unknownClient, unused } from './bad-input.ts';
import { makers } from './bad-input-makers.ts';
import { drizzleOn, type Handle, insertText, knexOn, kyselyOn, librariesWith, type Library } from './bind-libraries.ts';

const server = useTestDatabase();
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(root, 'test/conformance/.bad-input-'));
const libraries = librariesWith(await generatePrismaClient(join(folder, 'prisma')));
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function open({ open: make }: Library, pool: pg.Pool): Promise<Handle> {
  const opened = await make(pool);
  closing.push(() => opened.close());
  return opened;
}

class Undo extends Error {}

/** Whether the handle's transactions join an ambient one, and outside everything joins them. */
async function expectBound(handle: object, { insertIn }: Handle, database: Database): Promise<void> {
  const undone = await rejection(
    database.transaction(async () => {
      await insertIn(handle, 101);
      throw new Undo();
    }),
  );
  expect(undone).toBeInstanceOf(Undo);
  const other = await rejection(
    insertIn(handle, 102, async () => {
      await database.current.query(insertText(103));
      throw new Undo();
    }),
  );
  expect(other).toBeInstanceOf(Undo);
  expect(await server.products()).toEqual([]);
  await insertIn(handle, 104);
  expect(await server.products()).toEqual([104]);
}

describe.each(Object.entries(libraries))('%s', (name, library) => {
  const { bind, mock } = library;

  it.each(nonsense)('is given %s for a handle', (_, value) => {
    const error = thrown(() => bind(value as never, unused()));
    expect(error).toMatchObject(invalid);
    expect(error.message).toContain(name);
    expect(error.message).not.toContain('hunter2');
  });

  it('is given a promise of a handle, and says to await it', async () => {
    const { handle } = await open(library, poolOf(unused()));
    const error = thrown(() => bind(Promise.resolve(handle) as never, unused()));
    expect(error).toMatchObject({ ...invalid, remedy: expect.stringContaining('Await it') as string });
  });

  it.each(nonsense)('is given %s for a database', async (_, value) => {
    const { handle } = await open(library, poolOf(unused()));
    expect(thrown(() => bind(handle as never, value as never))).toMatchObject(invalid);
  });

  it('is given a database that is wrapped, or one that is made up', async () => {
    const database = unused();
    const { handle } = await open(library, poolOf(database));
    const mocked = { getDb: () => database.getDb(), transaction: database.transaction, current: database.current };
    for (const given of [new Proxy(database, {}), mocked])
      expect(thrown(() => bind(handle as never, given as never))).toMatchObject(invalid);
  });

  it.each([null, 5, '', 'nope', {}, Symbol('default')])('is given %s for the name of a client', async (clientName) => {
    const database = unused();
    const { handle } = await open(library, poolOf(database));
    expect(thrown(() => bind(handle as never, database, clientName as never))).toMatchObject(unknownClient);
  });

  it('takes what was refused before, bound rightly', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    expect(thrown(() => bind(opened.handle as never, database, 'nope'))).toMatchObject(unknownClient);
    expect(thrown(() => bind(opened.handle as never, null as never))).toMatchObject(invalid);
    await expectBound(bind(opened.handle as never, database), opened, database);
  });

  it('takes and sends nothing by itself', async () => {
    const database = server.open();
    const { handle } = await open(library, poolOf(database));
    const before = held(database);
    bind(handle as never, database);
    thrown(() => bind(handle as never, unused()));
    expect(held(database)).toBe(before);
  });

  it('is called twice with the same database: the second call changes nothing', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    const once = bind(opened.handle as never, database);
    const twice = bind(once as never, database);
    expect(twice).toBe(once);
    expect(bind(opened.handle as never, database)).toBe(once);
    await expectBound(twice, opened, database);
  });

  it('is called again with another database: refused, and bound to the first still', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    const bound = bind(opened.handle as never, database);
    for (const again of [bound, opened.handle]) {
      const error = thrown(() => bind(again as never, server.open()));
      expect(error).toMatchObject(invalid);
      expect(error.message).toContain(name);
    }
    await expectBound(bound, opened, database);
  });

  it('is called on a handle over the pool of another database: refused, and nothing stays', async () => {
    const [database, other] = [server.open(), server.open()];
    const opened = await open(library, poolOf(other));
    const attempt = async (): Promise<unknown> =>
      await opened.insertIn(bind(opened.handle as never, database), 1, () => database.current.query(insertText(2)));
    for (const run of [attempt, () => database.transaction(attempt), () => other.transaction(attempt)]) {
      const error = await rejection(run());
      expect(error).toMatchObject(invalid);
      expect(error.message).toMatch(/ambient ?pool/i);
    }
    expect(await server.products()).toEqual([]);
  });

  it('is called on a handle over a pool of its own: refused, and nothing stays', async () => {
    const database = server.open();
    const own = new pg.Pool({ connectionString: server.url, max: 2 });
    const opened = await open(library, own);
    try {
      const attempt = async (): Promise<unknown> =>
        await opened.insertIn(bind(opened.handle as never, database), 1, () => database.current.query(insertText(2)));
      for (const run of [attempt, () => database.transaction(attempt)]) {
        const error = await rejection(run());
        expect(error).toMatchObject(invalid);
        expect(error.message).toMatch(/ambient ?pool/i);
      }
      expect(await server.products()).toEqual([]);
    } finally {
      await opened.close();
      if (!own.ended) await own.end();
    }
  });

  it('is called after close(): what is used says so', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    await database.close();
    const bound = bind(opened.handle as never, database);
    expect(await rejection(opened.insertIn(bound, 1))).toMatchObject({ code: 'DATABASE_CLOSED' });
  });

  it('is called before close(): what is used afterwards says so', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    const bound = bind(opened.handle as never, database);
    await opened.insertIn(bound, 1);
    await database.close();
    expect(await rejection(opened.insertIn(bound, 2))).toMatchObject({ code: 'DATABASE_CLOSED' });
    expect(await server.products()).toEqual([1]);
  });

  it('is called inside of an ambient transaction, and holds after it', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    const bound = await database.transaction(() => Promise.resolve([bind(opened.handle as never, database)]));
    await expectBound(bound[0] ?? {}, opened, database);
  });

  it('is given a Proxy of a handle that passes everything on, bound or not', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    const wrapper = (target: object): object =>
      new Proxy(target, {
        get(handle, property) {
          const value: unknown = Reflect.get(handle, property, handle);
          const isMethod = typeof value === 'function' && typeof handle === 'object';
          return isMethod ? (value as () => unknown).bind(handle) : value;
        },
      });
    const bound = bind(wrapper(opened.handle) as never, database);
    const again = bind(wrapper(bound) as never, database);
    await expectBound(again, opened, database);
    expect(thrown(() => bind(wrapper(bound) as never, server.open()))).toMatchObject(invalid);
  });

  it('is given a mock, whose transactions begin nowhere', async () => {
    const database = server.open();
    const opened = await open(library, poolOf(database));
    let calls = 0;
    const transaction = async (...args: readonly unknown[]): Promise<unknown> => {
      calls += 1;
      return await (args.find((each) => typeof each === 'function') as (inner: unknown) => unknown)({});
    };
    const bound = bind(mock(transaction) as never, database);
    expect(await rejection(opened.insertIn(bound, 1))).toMatchObject(invalid);
    expect(calls).toBe(1);
    expect(await server.products()).toEqual([]);
  });
});

describe('a handle that shows which pool it is over', () => {
  it.each(['bindDrizzle', 'bindKnex'])('is refused by %s at once where that is another', async (name) => {
    const library = libraries[name] as Library;
    const own = new pg.Pool({ connectionString: server.url });
    for (const pool of [poolOf(unused()), own]) {
      const { handle } = await open(library, pool);
      const error = thrown(() => library.bind(handle as never, unused()));
      expect(error).toMatchObject({ ...invalid, remedy: expect.stringContaining('ambientPool()') as string });
      expect(error.message).toContain(name);
    }
    await own.end();
  });
});

it('bindDrizzle is given what is over a client of the pool, or over a pool of promises', async () => {
  const bind = libraries['bindDrizzle']?.bind as Library['bind'];
  const database = server.open();
  await database.transaction(async () => {
    const client = await ambientPool(database).connect();
    const onClient = drizzleOn(client as never);
    bind(onClient.handle as never, database);
    await onClient.insertIn(onClient.handle, 1);
    client.release();
  });
  expect(await server.products()).toEqual([1]);
  const onMysql = makers['ambientPool of MySQL']?.database() as Database;
  const promises = { $client: ambientPoolOfMysql(onMysql).promise(), transaction() {} };
  expect(bind(promises as never, onMysql)).toBe(promises);
  expect(thrown(() => bind({ ...promises } as never, unused()))).toMatchObject(invalid);
});

describe('what is bound comes from another copy', () => {
  /** Its path in a copy of a package of its own. */
  function copyOf(name: string, file: string): string {
    cpSync(join(root, 'node_modules', name), join(folder, 'copies/node_modules', name), { recursive: true });
    return pathToFileURL(join(folder, 'copies/node_modules', name, file)).href;
  }

  it('of Kysely, and works as any', async () => {
    const other = (await import(copyOf('kysely', 'dist/index.js'))) as { readonly Kysely: typeof Kysely };
    const database = server.open();
    const opened = kyselyOn(ambientPool(database), other.Kysely);
    expect(opened.handle).not.toBeInstanceOf((await import('kysely')).Kysely);
    await expectBound(libraries['bindKysely']?.bind(opened.handle as never, database) ?? {}, opened, database);
  });

  it('of Drizzle, and works as any', async () => {
    const other = (await import(copyOf('drizzle-orm', 'node-postgres/index.js'))) as {
      readonly drizzle: typeof drizzle;
    };
    const database = server.open();
    const opened = drizzleOn(ambientPool(database), other.drizzle);
    await expectBound(libraries['bindDrizzle']?.bind(opened.handle as never, database) ?? {}, opened, database);
  });

  it('of Knex, and works as any', async () => {
    const other = (await import(copyOf('knex', 'knex.js'))) as { readonly default: Parameters<typeof knexOn>[1] };
    const database = server.open();
    const opened = knexOn(ambientPool(database), other.default);
    await expectBound(libraries['bindKnex']?.bind(opened.handle as never, database) ?? {}, opened, database);
  });

  it('of this package: a database of another version is refused', async () => {
    cpSync(join(root, 'src'), join(folder, 'copies/sluice'), { recursive: true });
    writeFileSync(join(folder, 'copies/sluice/core/version.ts'), "export const version = '99.1.0';\n");
    const url = (file: string): string => pathToFileURL(join(folder, 'copies/sluice', file)).href;
    const copy = (await import(url('index.ts'))) as { readonly createDatabase: typeof createDatabase };
    const driver = (await import(url('drivers/postgres/index.ts'))) as { readonly postgres: typeof postgres };
    const foreign = copy.createDatabase({ clients: { default: driver.postgres({ host: '127.0.0.1', port: 1 }) } });
    const calls = [
      ...Object.values(makers).map(
        ({ make }) =>
          () =>
            make(foreign),
      ),
      ...Object.values(libraries).map((library) => async () => {
        const { handle } = await open(library, poolOf(unused()));
        return library.bind(handle as never, foreign);
      }),
    ];
    for (const call of calls) {
      const error = await rejection((async () => await call())());
      expect(error).toMatchObject({
        code: 'MIXED_VERSIONS',
        remedy: expect.stringContaining('npm ls sluice') as string,
      });
    }
  });
});

describe('a version that is not supported', () => {
  const old: Readonly<Record<string, object>> = {
    // Before it took pools.
    bindKnex: Object.assign(() => {}, { client: {}, transaction() {} }),
    bindPrisma: { _clientVersion: '6.15.0', $transaction() {}, $extends() {} },
    // Over Knex.
    bindMikroOrm: {
      config: { get() {} },
      em: { getConnection: () => ({ transactional() {}, getKnex() {} }), getDriver: () => ({}), fork() {} },
    },
    bindKysely: { transaction() {}, connection() {} },
  };
  const unsupported: Readonly<Record<string, object>> = {
    bindPrisma: { code: 'UNSUPPORTED_LIBRARY', library: '@prisma/client', has: '6.15.0', needs: '>=6.16' },
    bindMikroOrm: { code: 'UNSUPPORTED_LIBRARY', library: '@mikro-orm/core', needs: '>=7' },
  };
  it.each(Object.entries(old))('is refused by %s', (name, handle) => {
    const error = thrown(() => libraries[name]?.bind(handle as never, unused()));
    expect(error).toMatchObject(unsupported[name] ?? invalid);
    expect(error.message).toContain(name);
  });
  it('is refused by bindPrisma where Prisma 6 has its native engine', () => {
    const handle = { _clientVersion: '6.19.3', _engineConfig: { adapter: {} }, $transaction() {}, $extends() {} };
    const error = thrown(() => libraries['bindPrisma']?.bind(handle as never, unused()));
    expect(error).toMatchObject({ ...invalid, remedy: expect.stringContaining('engineType = "client"') as string });
  });
});

describe('a handle that cannot be changed', () => {
  it.each(['bindKysely', 'bindDrizzle'])('is refused by %s', async (name) => {
    const library = libraries[name] as Library;
    const { handle } = await open(library, poolOf(unused()));
    expect(thrown(() => library.bind(Object.freeze(handle) as never, unused()))).toMatchObject(invalid);
  });
});
