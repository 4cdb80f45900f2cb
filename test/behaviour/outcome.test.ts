import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  afterCommit,
  AfterCommitError,
  afterRollback,
  CommitUnknownError,
  ConnectionLostError,
  type Database,
  UnexpectedRollbackError,
} from '../../src/index.ts';
import { engine, insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { startWireProxy, type WireProxy } from '../support/wire-proxy.ts';

const deferredTable =
  'create table line (id int primary key, product int references product (id) deferrable initially deferred)';
const slowCommits = [
  'create table slow (id int primary key)',
  'create function be_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return null; end $$',
  'create constraint trigger slow_commit after insert on slow deferrable initially deferred for each row execute function be_slow()',
];
const server = useTestDatabase(
  ...(engine.lacks['deferred constraints'] === undefined ? [deferredTable] : []),
  ...(engine.lacks['slow commits'] === undefined ? slowCommits : []),
);
let proxy: WireProxy;
beforeAll(async () => {
  if (engine.lacks['wire proxy'] === undefined) proxy = await startWireProxy(server.url);
});
afterAll(() => proxy?.close());

/** Registers one hook of each kind and returns what they note. */
function noteHooks(database: Database): string[] {
  const seen: string[] = [];
  afterCommit(() => seen.push('commit'));
  afterRollback(() => seen.push('compensate'));
  database.current.afterCompletion((outcome) => seen.push(outcome));
  return seen;
}

describe('the outcome of COMMIT', () => {
  itWith('deferred constraints')('a COMMIT that fails is an error, and compensations run', async () => {
    const database = server.open();
    let seen: string[] = [];
    const error = await rejection(
      database.transaction(async () => {
        seen = noteHooks(database);
        await database.current.query('insert into line values (1, 99)');
      }),
    );
    expect(error).toMatchObject(engine.errors.foreignKey);
    expect(seen).toEqual(['compensate', 'rolledBack']);
  });

  itWith('deferred constraints')('a COMMIT that travels with the last statement and fails is the same', async () => {
    const database = server.open();
    let seen: string[] = [];
    const error = await rejection(
      database.transaction(async () => {
        seen = noteHooks(database);
        await database.current.query('insert into line values (1, 99)', [], { last: true });
      }),
    );
    expect(error).toMatchObject(engine.errors.foreignKey);
    expect(seen).toEqual(['compensate', 'rolledBack']);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1 });
  });

  itWith('failures doom')(
    'a swallowed error of a statement is an UnexpectedRollbackError with it as the cause, not a success',
    async () => {
      const database = server.open();
      let seen: string[] = [];
      const error = await rejection(
        database.transaction(async () => {
          seen = noteHooks(database);
          await insert(database, 1);
          await rejection(insert(database, 1));
        }),
      );
      expect(error).toBeInstanceOf(UnexpectedRollbackError);
      expect(error.cause).toMatchObject(engine.errors.duplicate);
      expect(seen).toEqual(['compensate', 'rolledBack']);
    },
  );

  itWith('wire proxy')(
    'a connection lost during COMMIT: unknown, neither hook family runs, and it is not retried',
    async () => {
      const database = server.open({ connectionString: proxy.url });
      let seen: string[] = [];
      let runs = 0;
      const error = await rejection(
        database.transaction(
          async () => {
            runs += 1;
            seen = noteHooks(database);
            await insert(database, 1);
            proxy.cutAfter('COMMIT');
          },
          { retry: { attempts: 3 } },
        ),
      );
      expect(error).toBeInstanceOf(CommitUnknownError);
      expect(error).toMatchObject({
        code: 'COMMIT_UNKNOWN',
        remedy: expect.stringContaining('check in the database') as string,
      });
      expect(seen).toEqual(['unknown']);
      expect(runs).toBe(1);
      // And indeed it is committed, though nobody here was told.
      await until('it is committed', async () => (await server.products()).length === 1);
    },
  );

  itWith('wire proxy')(
    'the same when the COMMIT travels with the last statement, also if the body swallows the error',
    async () => {
      const database = server.open({ connectionString: proxy.url });
      let seen: string[] = [];
      const error = await rejection(
        database.transaction(async () => {
          seen = noteHooks(database);
          proxy.cutAfter('COMMIT');
          await rejection(database.current.query('insert into product (id) values (1)', [], { last: true }));
        }),
      );
      expect(error).toBeInstanceOf(CommitUnknownError);
      expect(seen).toEqual(['unknown']);
      await until('it is committed', async () => (await server.products()).length === 1);
    },
  );

  itWith('slow commits')('a backend killed during COMMIT: unknown', async () => {
    const database = server.open();
    let seen: string[] = [];
    const committing = rejection(
      database.transaction(async () => {
        seen = noteHooks(database);
        await database.current.query('insert into slow values (1)');
      }),
    );
    await until('COMMIT is under way', async () => (await server.running('COMMIT')) === 1);
    await server.kill();
    expect(await committing).toBeInstanceOf(CommitUnknownError);
    expect(seen).toEqual(['unknown']);
    expect(await server.sql('select 1 from slow')).toEqual([]);
    await insert(database, 1);
  });

  itWith('slow commits')(
    'a slow COMMIT that its timeout ends: in time, and what is told is what is there',
    async () => {
      const database = server.open();
      let seen: string[] = [];
      const error = await rejection(
        database.transaction(
          async () => {
            seen = noteHooks(database);
            await database.current.query('insert into slow values (1)');
          },
          { timeout: 400 },
        ),
      );
      // The server confirms that it was cancelled, or is too slow for that.
      const [outcome, ...hooks] =
        error instanceof CommitUnknownError ? ['unknown', 'unknown'] : ['rolled back', 'compensate', 'rolledBack'];
      expect([outcome, error['code']]).toEqual(
        outcome === 'unknown' ? ['unknown', 'COMMIT_UNKNOWN'] : ['rolled back', 'TRANSACTION_TIMEOUT'],
      );
      expect(seen).toEqual(hooks);
      // In either case the server was asked to end it, long before its half a minute is over.
      await until('no COMMIT runs', async () => (await server.running('COMMIT')) === 0);
      expect(await server.sql('select 1 from slow')).toEqual([]);
      expect(database.stats().clients.default.used).toBe(0);
    },
  );

  itWith('slow commits')('the same for a COMMIT that travels with its last statement', async () => {
    const database = server.open();
    let seen: string[] = [];
    const error = await rejection(
      database.transaction(
        async () => {
          seen = noteHooks(database);
          await database.current.query('insert into slow values (1)', [], { last: true });
        },
        { timeout: 400 },
      ),
    );
    expect(seen).toEqual(error instanceof CommitUnknownError ? ['unknown'] : ['compensate', 'rolledBack']);
    await until('no COMMIT runs', async () => (await server.running('COMMIT')) === 0);
    expect(await server.sql('select 1 from slow')).toEqual([]);
  });

  itWith('sessions')('a backend killed between statements: an error, rolled back for certain', async () => {
    const database = server.open();
    let seen: string[] = [];
    const error = await rejection(
      database.transaction(async () => {
        seen = noteHooks(database);
        await insert(database, 1);
        await server.kill();
      }),
    );
    // The server may have said goodbye before COMMIT was sent, or the COMMIT met a dead backend.
    expect([ConnectionLostError, CommitUnknownError].some((type) => error instanceof type)).toBe(true);
    expect(await server.products()).toEqual([]);
    expect(seen).not.toContain('commit');
    await insert(database, 2);
  });

  itWith('sessions')('a backend killed during a statement rejects it; the pool goes on', async () => {
    const database = server.open({ max: 1 });
    const error = await rejection(
      database.transaction(async () => {
        const sleeping = rejection(database.current.query(engine.sql.sleep(30)));
        await until('the statement runs', async () => (await server.running(engine.sql.sleep(30))) === 1);
        await server.kill();
        throw await sleeping;
      }),
    );
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.cause).toMatchObject(engine.errors.killed);
    await insert(database, 1);
    expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 1, closing: 0 });
  });

  itWith('sessions')(
    'after the connection is lost, a body that goes on gets the error again and never another connection',
    async () => {
      const database = server.open();
      const error = await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          await server.kill();
          await rejection(insert(database, 2));
          expect(await rejection(insert(database, 3))).toBeInstanceOf(ConnectionLostError);
        }),
      );
      expect(error).toMatchObject({ code: 'UNEXPECTED_ROLLBACK', cause: { code: 'CONNECTION_LOST' } });
      expect(await server.products()).toEqual([]);
    },
  );

  itWith('wire proxy')(
    'the rollback fails: the original error is thrown and the connection does not come back',
    async () => {
      const database = server.open({ connectionString: proxy.url, max: 1 });
      const error = await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          proxy.cutAfter('ROLLBACK');
          throw new Error('declined');
        }),
      );
      expect(error.message).toBe('declined');
      expect(database.stats().clients.default).toMatchObject({ used: 0, idle: 0 });
      await insert(database, 2);
    },
  );

  itWith('sessions')('an idle connection that dies is gone without anybody noticing', async () => {
    const database = server.open({ max: 1 });
    await insert(database, 1);
    await server.kill();
    await until('it is known to be gone', () => database.stats().clients.default.idle === 0);
    await insert(database, 2);
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('a type parser of the user that throws', () => {
  const types = {
    getTypeParser: () => (): never => {
      throw new Error('cannot parse');
    },
  };

  itWith('type parsers')(
    'fails its statement, and a transaction that has committed with it stays committed',
    async () => {
      const database = server.open({ types });
      let seen: string[] = [];
      const error = await rejection(
        database.transaction(async () => {
          seen = noteHooks(database);
          await database.current.query('insert into product (id) values (1) returning id', [], { last: true });
        }),
      );
      expect(error).toMatchObject({ code: 'AFTER_COMMIT', committed: true, cause: { message: 'cannot parse' } });
      expect(seen).toEqual(['commit', 'committed']);
      expect(await server.products()).toEqual([1]);
    },
  );

  itWith('type parsers')('leaves a transaction that goes on as it was', async () => {
    const database = server.open({ types });
    await database.transaction(async () => {
      await rejection(database.current.query('insert into product (id) values (1) returning id'));
      await insert(database, 2);
    });
    expect(await server.products()).toEqual([1, 2]);
  });
});

describe('a connection lost at BEGIN', () => {
  itWith('wire proxy')('fails the first statement, and the pool goes on', async () => {
    const database = server.open({ connectionString: proxy.url, max: 1 });
    proxy.cutAfter('BEGIN');
    const error = await rejection(database.transaction(() => insert(database, 1)));
    expect(error).toBeInstanceOf(ConnectionLostError);
    await database.transaction(() => insert(database, 2));
    expect(await server.products()).toEqual([2]);
  });
});

describe('a body that throws after its last statement', () => {
  const noStock = new Error('no stock');
  const last = (database: Database<'default'>, id: number): Promise<unknown> =>
    database.current.query('insert into product (id) values ($1)', [id], { last: true });

  it('is told as committed, with its error for the cause, and is not repeated', async () => {
    const database = server.open();
    let seen: string[] = [];
    let attempts = 0;
    const error = await rejection(
      database.transaction(
        async () => {
          attempts += 1;
          seen = noteHooks(database);
          await last(database, 1);
          throw noStock;
        },
        { retry: { attempts: 3 } },
      ),
    );
    expect(error).toBeInstanceOf(AfterCommitError);
    expect(error).toMatchObject({ committed: true, cause: noStock, errors: [noStock], result: undefined });
    expect(attempts).toBe(1);
    expect(seen).toEqual(['commit', 'committed']);
    expect(await server.products()).toEqual([1]);
  });

  it('tells of the commit hooks that failed too', async () => {
    const database = server.open();
    const failed = new Error('a hook');
    const error = await rejection(
      database.transaction(async () => {
        afterCommit(() => Promise.reject(failed));
        await last(database, 1);
        throw noStock;
      }),
    );
    expect(error).toMatchObject({ code: 'AFTER_COMMIT', cause: noStock, errors: [noStock, failed] });
  });

  it('throws the error itself where rollbackOn lets it commit', async () => {
    const database = server.open();
    const call = database.transaction(
      async () => {
        await last(database, 1);
        throw noStock;
      },
      { rollbackOn: () => false },
    );
    expect(await rejection(call)).toBe(noStock);
    expect(await server.products()).toEqual([1]);
  });
});
