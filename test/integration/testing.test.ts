import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it as plainIt } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { captureCommitHooks, poolOfOne, rollbackEach, rolledBack } from '../../src/testing/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, signal } from '../support/settled.ts';

const server = useTestDatabase();
const database: Database<'default'> = createDatabase({
  clients: { default: postgres({ connectionString: server.url, max: 10 }) },
});
afterAll(() => database.close());

const it = rollbackEach(database, plainIt);
const ids = async (): Promise<number[]> =>
  (await database.current.query<{ id: number }>('select id from product order by id')).rows.map(({ id }) => id);

describe('rollbackEach', () => {
  // Two tests that could not both pass if one saw the rows of the other.
  for (const round of [1, 2]) {
    it(`rolls back what a test wrote, round ${round}`, async () => {
      expect(await ids()).toEqual([]);
      await insert(database, 1);
      await database.transaction(() => insert(database, 2));
      expect(await ids()).toEqual([1, 2]);
      expect(await server.products()).toEqual([]);
    });
  }

  describe.concurrent('in parallel', () => {
    let arrived = 0;
    const all = signal();
    it.concurrent.each([1, 2, 3, 4])('tests do not see each other: %d', async (round) => {
      await insert(database, round);
      arrived += 1;
      if (arrived === 4) all.fire();
      await all.promise;
      expect(await ids()).toEqual([round]);
    });
  });

  it('counts as no transaction for the code under test', async () => {
    expect(database.current.inTransaction).toBe(false);
    expect(database.current.transaction.active).toBeUndefined();
    const refused = database.transaction(() => ids(), { propagation: 'MANDATORY' });
    expect(await rejection(refused)).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    await database.transaction(() => insert(database, 1), { propagation: 'NEVER' });
    await rejection(
      database.transaction(async () => {
        await insert(database, 2);
        throw new Error('rolled back alone');
      }),
    );
    const error = await rejection(
      database.transaction(async () => {
        await rejection(
          database.transaction(async () => {
            await insert(database, 3);
            throw new Error('caught');
          }),
        );
      }),
    );
    expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    await database.transaction(() => insert(database, 4), { propagation: 'REQUIRES_NEW', timeout: 5_000 });
    expect(await ids()).toEqual([1, 4]);
    expect(await server.products()).toEqual([]);
  });

  it('is also around a library over an ambient pool', async () => {
    const client = await ambientPool(database).connect();
    await client.query('begin');
    await client.query('insert into product (id) values (1)');
    await client.query('rollback');
    await client.query('begin');
    await client.query('insert into product (id) values (2)');
    await client.query('commit');
    client.release();
    expect(await ids()).toEqual([2]);
  });

  it('records commit hooks, of those alone that committed, and runs them on demand', async () => {
    const ran: string[] = [];
    const work = async (name: string, fails = false): Promise<void> => {
      await database.transaction(async () => {
        await insert(database, name.length);
        database.current.beforeCommit(() => ran.push(`before ${name}`));
        database.current.commit(() => ran.push(name));
        database.current.compensate(() => ran.push(`no ${name}`));
        if (fails) throw new Error('no');
      });
    };
    await work('a');
    expect(ran).toEqual(['before a']);
    const captured = await captureCommitHooks(async () => {
      await work('bb');
      await rejection(work('ccc', true));
      return 'result';
    });
    expect(captured).toMatchObject({ result: 'result', count: 1 });
    expect(ran).toEqual(['before a', 'before bb', 'no ccc']);
    await captured.run();
    await captured.run();
    expect(ran.slice(3)).toEqual(['bb']);
    await captureCommitHooks(() => work('dddd'), { run: true });
    expect(ran.slice(4)).toEqual(['before dddd', 'dddd']);
    // Outside of a transaction of the code under test a hook runs at once.
    database.current.commit(() => ran.push('at once'));
    expect(ran.at(-1)).toBe('at once');
  });

  plainIt('rolls back what was marked as the last statement outside of a transaction of the code', async () => {
    await rolledBack(database, async () => {
      await database.current.query('insert into product (id) values (8)', [], { last: true });
      await insert(database, 9);
      expect(await ids()).toEqual([8, 9]);
    });
    expect(await server.products()).toEqual([]);
  });

  plainIt('runs commit hooks where that is asked for, and their errors reach the caller', async () => {
    const ran: string[] = [];
    await rolledBack(
      database,
      async () => {
        await database.transaction(() => {
          database.current.commit(async () => {
            ran.push(`sees ${(await ids()).length}`);
            await insert(database, 7);
          });
          return insert(database, 6);
        });
        expect(await ids()).toEqual([6, 7]);
        const failing = database.transaction(() => {
          database.current.commit(() => {
            throw new Error('a hook');
          });
          return 'result';
        });
        expect(await rejection(failing)).toMatchObject({ code: 'AFTER_COMMIT', committed: true, result: 'result' });
      },
      { commitHooks: 'run' },
    );
    expect(ran).toEqual(['sees 1']);
    expect(await server.products()).toEqual([]);
  });

  plainIt('runs the hooks of a transaction that commits in spite of its error', async () => {
    const kept = new TypeError('kept');
    const ran: string[] = [];
    await rolledBack(
      database,
      async () => {
        const work = database.transaction(
          async () => {
            database.current.commit(() => void ran.push('committed'));
            database.current.compensate(() => void ran.push('rolled back'));
            await insert(database, 8);
            throw kept;
          },
          { rollbackOn: (error) => error !== kept },
        );
        expect(await rejection(work)).toBe(kept);
        expect(await ids()).toEqual([8]);
      },
      { commitHooks: 'run' },
    );
    expect(ran).toEqual(['committed']);
  });

  plainIt('gives the isolation that it is told, and refuses a stronger one', async () => {
    const serializable = { isolationLevel: 'SERIALIZABLE' } as const;
    const work = (): Promise<number[]> => database.transaction(ids, serializable);
    expect(await rolledBack(database, work, serializable)).toEqual([]);
    // What is independent would commit.
    expect(await rejection(rolledBack(database, work))).toMatchObject({
      code: 'INCOMPATIBLE_TRANSACTION',
      remedy: 'Give isolationLevel to rolledBack or rollbackEach, whose transaction is around the test',
    });
    const joining = (): Promise<number[]> => database.transaction(work);
    expect(await rejection(rolledBack(database, joining))).toMatchObject({
      code: 'INCOMPATIBLE_TRANSACTION',
      remedy: expect.stringContaining('to the transaction that begins') as string,
    });
  });

  plainIt('passes on what a test throws, and refuses what makes no sense', async () => {
    const failed = new Error('the test failed');
    expect(await rejection(rolledBack(database, () => Promise.reject(failed)))).toBe(failed);
    expect(await rejection(captureCommitHooks(() => {}))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(await rejection(rolledBack(database, () => {}, { commitHooks: 'maybe' } as never))).toMatchObject({
      code: 'INVALID_OPTION',
    });
    expect(database.stats().clients.default.used).toBe(0);
  });
});

describe('poolOfOne', () => {
  plainIt('lets what belongs to a transaction pass, and names what escapes', async () => {
    await poolOfOne(database, async () => {
      await database.transaction(
        async () => {
          await insert(database, 1);
          await database.transaction(() => insert(database, 2), { propagation: 'REQUIRES_NEW' });
        },
        { name: 'checkout' },
      );
      const release = signal();
      const entered = signal();
      const transaction = database.transaction(
        async () => {
          await insert(database, 3);
          entered.fire();
          await release.promise;
        },
        { name: 'checkout' },
      );
      await entered.promise;
      const error = await rejection(insert(database, 4));
      expect(error).toMatchObject({ code: 'ESCAPED_STATEMENT' });
      expect(error.message).toContain('"checkout"');
      release.fire();
      await transaction;
    });
    await Promise.all([insert(database, 5), insert(database, 6)]);
    expect(await server.products()).toEqual([1, 2, 3, 5, 6]);
  });
});

describe('the test functions of other frameworks', () => {
  plainIt('node:test: options, contexts and callbacks', { timeout: 30_000 }, async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const folder = mkdtempSync(join(root, 'test/integration/.node-test-'));
    try {
      const file = join(folder, 'rolled-back.test.ts');
      writeFileSync(
        file,
        `import assert from 'node:assert/strict';
import nodeTest, { after } from 'node:test';
import { createDatabase } from '${root}src/index.ts';
import { postgres } from '${root}src/drivers/postgres/index.ts';
import { rollbackEach } from '${root}src/testing/index.ts';
const database = createDatabase({ clients: { default: postgres({ connectionString: process.env.DATABASE_URL }) } });
after(() => database.close());
const test = rollbackEach(database, nodeTest);
const insert = () => database.current.query('insert into product (id) values (1)');
test('one', insert);
test('two', { concurrency: true }, async (t) => { assert.equal(typeof t.diagnostic, 'function'); await insert(); });
test('three', (t, done) => { insert().then(() => done(), done); });
test.skip('four', () => { throw new Error('skipped'); });
`,
      );
      const env = { ...process.env, DATABASE_URL: server.url };
      const { stdout, status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
        encoding: 'utf8',
        env: { ...env, NODE_TEST_CONTEXT: undefined },
      });
      expect(stdout).toMatch(/# pass 3\n# fail 0[\s\S]*# skipped 1/);
      expect(status).toBe(0);
      expect(await server.products()).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  plainIt('mocha and jest: a callback as the only parameter, and their own this', async () => {
    const bodies: ((...args: unknown[]) => unknown)[] = [];
    const fake = (_name: string, body: (...args: unknown[]) => unknown): void => void bodies.push(body);
    const test = rollbackEach(
      database,
      fake as (name: string, body: (this: { id: number }, done?: () => void) => unknown) => void,
    );
    const seen: unknown[] = [];
    test('callback', function callback(done) {
      seen.push(this.id);
      void insert(database, 1).then(() => done?.());
    });
    test('promise', async function promise() {
      seen.push(this.id);
      await insert(database, 1);
    });
    const [callback, promise] = bodies;
    expect(callback).toHaveLength(1);
    expect(promise).toHaveLength(0);
    await new Promise<void>((resolve, reject) => {
      callback?.call({ id: 1 }, (error?: Error) => (error === undefined ? resolve() : reject(error)));
    });
    await promise?.call({ id: 2 });
    expect(seen).toEqual([1, 2]);
    expect(await server.products()).toEqual([]);
  });
});
