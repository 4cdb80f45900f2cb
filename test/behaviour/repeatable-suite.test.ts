// A suite whose tests are rolled back, with each transaction with `retry` repeated.
import { randomInt, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allowForeignWaits, type Database, type PoolOptions, type TransactionOptions } from '../../src/index.ts';
import {
  captureCommitHooks,
  NotRepeatableError,
  proveRepeatable,
  type RepeatProblem,
  rollbackEach,
  rolledBack,
} from '../../src/testing/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { engine, type Settings, useTestDatabase } from '../support/database.ts';
import { saleTables } from '../support/sale-tables.ts';

const server = useTestDatabase(...saleTables);

let database: Database<'default'>;
let http: Server;
let url: string;

beforeAll(async () => {
  http = createServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as { port: number }).port}/`;
});
afterAll(() => {
  http.closeAllConnections();
  http.close();
});
beforeEach(() => {
  database = server.open(engine.name === 'sqlite' ? {} : { max: 4 }, { foreignWaits: 'off' });
});

const retry: TransactionOptions = { retry: { attempts: 3 } };
const run = (text: string, values: readonly unknown[] = []) => database.query(text, values);
const sell = (product: unknown, token?: string) =>
  run('insert into sale (product_id, token) values ($1, $2)', [product, token ?? null]);
const count = async (): Promise<number> => Number((await run('select count(*) as n from sale')).rows[0]?.['n']);
const inTransaction = <Result>(body: () => Promise<Result>, options?: TransactionOptions): Promise<Result> =>
  database.transaction(body, { ...retry, ...options });
const rehearse = <Result>(test: () => Promise<Result>): Promise<Result> =>
  rolledBack(database, test, { proveRepeatable: true });

/** What was found in a test that fails for it. */
async function foundIn(test: () => Promise<unknown>): Promise<NotRepeatableError> {
  const error: unknown = await rehearse(test).catch((thrown: unknown) => thrown);
  if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
  return error;
}

interface Broken {
  readonly problem: RepeatProblem;
  readonly of: () => () => Promise<unknown>;
}

const broken: Readonly<Record<string, Broken>> = {
  'a counter in memory, which is sent': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 0;
      return () => inTransaction(() => sell((next += 1)));
    },
  },
  'a counter in a text': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 0;
      return () => inTransaction(() => sell(1, `order-${(next += 1)}`));
    },
  },
  'a large counter, as of an invoice': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 20_260_000;
      return () => inTransaction(() => sell((next += 1)));
    },
  },
  'a large counter in a text': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 20_260_000;
      return () => inTransaction(() => sell(1, `ORD-${(next += 1)}`));
    },
  },
  'a sum of cents': {
    problem: 'sentOtherwise',
    of: () => {
      let cents = 0;
      return () => inTransaction(() => sell((cents += 1_250_000)));
    },
  },
  'a counter that is returned alone': {
    problem: 'resultDiffers',
    of: () => {
      let sold = 0;
      return () =>
        inTransaction(async () => {
          await sell(1);
          return { sold: (sold += 1) };
        });
    },
  },
  'a list that is pushed to outside': {
    problem: 'sentOtherwise',
    of: () => async () => {
      const lines: string[] = [];
      await inTransaction(async () => {
        lines.push('line');
        for (const line of lines) await sell(1, line);
      });
    },
  },
  'a list outside that is sent as one value': {
    problem: 'sentOtherwise',
    of: () => async () => {
      const lines: string[] = [];
      await inTransaction(async () => {
        lines.push('line');
        await sell(1, JSON.stringify(lines));
      });
    },
  },
  'a statement that is sent once': {
    problem: 'sentOtherwise',
    of: () => {
      let isDone = false;
      return () =>
        inTransaction(async () => {
          if (!isDone) await run("insert into audit (what) values ('first')");
          isDone = true;
          await sell(1);
        });
    },
  },
  'a variable that is written in turns': {
    problem: 'sentOtherwise',
    of: () => {
      let last = 'first';
      return () =>
        inTransaction(async () => {
          await sell(1, last);
          last = last === 'first' ? 'second' : 'first';
        });
    },
  },
  'a request': {
    problem: 'calledOut',
    of: () => () =>
      inTransaction(async () => {
        await sell(1);
        await (await fetch(url)).text();
      }),
  },
  'an error that is kept from the first attempt': {
    problem: 'resultDiffers',
    of: () => {
      let attempts = 0;
      return () =>
        inTransaction(async () => {
          attempts += 1;
          await sell(1);
          if (attempts > 1) throw new Error('sold already');
        });
    },
  },
};

/** What one server cannot do from within its own writer. */
const brokenWithSecondConnection: Readonly<Record<string, Broken>> = {
  'what commits by itself, as REQUIRES_NEW does': {
    problem: 'committedEachTime',
    of: () => () =>
      inTransaction(async () => {
        await sell(1);
        await database.transaction(() => run("insert into audit (what) values ('sold')"), {
          propagation: 'REQUIRES_NEW',
        });
      }),
  },
  'what is written without a transaction': {
    problem: 'committedEachTime',
    of: () => () =>
      inTransaction(async () => {
        await sell(1);
        await database.transaction(() => run("update audit set what = 'sold'"), { propagation: 'NOT_SUPPORTED' });
      }),
  },
  'what goes through another pool': {
    problem: 'calledOut',
    of: () => {
      const other = server.open({ max: 1 });
      return () =>
        inTransaction(async () => {
          await sell(1);
          await other.query("insert into audit (what) values ('job')");
        });
    },
  },
};

describe('a body that retry breaks', () => {
  const all = { ...broken, ...(engine.name === 'sqlite' ? {} : brokenWithSecondConnection) };
  beforeEach(async () => {
    await run('delete from audit');
    await run("insert into audit (what) values ('opened')");
  });
  it.each(Object.entries(all))('%s', async (_, { problem, of }) => {
    const error = await foundIn(of());
    expect(new Set(error.findings.map((each) => each.problem))).toEqual(new Set([problem]));
    expect(error.findings[0]?.transactionAt).toContain('repeatable-suite.test.ts');
    if (problem !== 'resultDiffers') expect(error.findings[0]?.place).toContain('repeatable-suite.test.ts');
    expect(await count()).toBe(0);
  });
  it('a list outside that the test alone looks at', async () => {
    const error = await foundIn(async () => {
      const sold: number[] = [];
      await inTransaction(async () => {
        await sell(1);
        sold.push(1);
      });
      expect(sold).toEqual([1]);
    });
    expect(error.findings.map(({ problem }) => problem)).toEqual(['testFails']);
    expect(String(error.cause)).toContain('AssertionError');
  });
  it('is found although the code under test keeps its error', async () => {
    let next = 0;
    const error = await foundIn(async () => {
      await inTransaction(() => sell((next += 1))).catch(() => undefined);
      throw new Error('the test fails for it');
    });
    expect(error.findings.map(({ problem }) => problem)).toEqual(['sentOtherwise']);
    expect(error).toMatchObject({ code: 'NOT_REPEATABLE', cause: { message: 'the test fails for it' } });
  });
});

const repeatable: Readonly<Record<string, () => Promise<unknown>>> = {
  'sells, with a generated key, a token and a time': () =>
    inTransaction(async () => {
      const token = randomUUID();
      await run('insert into sale (product_id, token, sold_at) values ($1, $2, $3)', [
        1,
        token,
        new Date().toISOString(),
      ]);
      const { rows } = await run('select id from sale where token = $1', [token]);
      await run('insert into audit (what) values ($1)', [`sale ${String(rows[0]?.['id'])}`]);
      return { id: rows[0]?.['id'], token, at: Date.now() };
    }),
  'makes a number of an invoice from a generated key': () =>
    inTransaction(async () => {
      await sell(1, 'first');
      const { rows } = await run("select id from sale where token = 'first'");
      const number = `INV-${String(rows[0]?.['id']).padStart(6, '0')}`;
      await run('update sale set token = $1 where id = $2', [number, rows[0]?.['id']]);
    }),
  'draws large numbers of node:crypto': () =>
    inTransaction(() => sell(randomInt(1_000_000, 2_000_000_000), `code ${randomInt(1_000_000, 2 ** 47)}`)),
  'draws small numbers, of which statements depend': () =>
    inTransaction(async () => {
      for (let left = Math.floor(Math.random() * 8); left > 0; left -= 1) await sell(left);
      await sell(1, Math.random().toString(36).slice(2));
      await sell(Math.floor(Math.random() * 10), 'other');
      return Math.floor(Math.random() * 10);
    }),
  'draws a number of node:crypto beside a generated key': () =>
    inTransaction(async () => {
      const code = randomInt(1_000);
      await sell(code, 'drawn');
      const { rows } = await run("select id from sale where token = 'drawn'");
      await sell(rows[0]?.['id'], 'child');
      return code;
    }),
  'keeps what it has done once it is committed': async () => {
    let sold = 0;
    const { count: hooks } = await captureCommitHooks(
      () =>
        inTransaction(async () => {
          await sell(1);
          database.current.commit(() => void (sold += 1));
          database.current.commit(async () => void (await (await fetch(url)).text()));
        }),
      { run: true },
    );
    expect([hooks, sold]).toEqual([1, 1]);
  },
  'compensates what it has kept': async () => {
    let held = 0;
    await inTransaction(async () => {
      held += 1;
      database.current.compensate(() => void (held -= 1));
      await sell(held);
    });
    expect(held).toBe(1);
  },
  'calls others where that is allowed': () =>
    inTransaction(async () => {
      await sell(1);
      await allowForeignWaits(async () => (await fetch(url)).text());
    }),
  'is refused in the body': async () => {
    const selling = inTransaction(async () => {
      await sell(1);
      throw new Error('sold out');
    });
    await expect(selling).rejects.toThrow('sold out');
    expect(await count()).toBe(0);
  },
  'throws what lets it commit': async () => {
    const body = async (): Promise<never> => {
      await sell(1);
      throw new Error('kept');
    };
    await expect(inTransaction(body, { rollbackOn: () => false })).rejects.toThrow('kept');
    expect(await count()).toBe(1);
  },
  'joins, nests, and has retry inside': () =>
    inTransaction(async () => {
      await inTransaction(() => sell(1));
      await inTransaction(() => sell(2), { propagation: 'NESTED' });
      expect(await count()).toBe(2);
    }),
  'runs beside another one that writes what it reads': async () => {
    const sum = async (): Promise<number> => {
      const { rows } = await run('select sum(product_id) as n from sale');
      return Number(rows[0]?.['n'] ?? 0);
    };
    await Promise.all(
      [1, 2, 3].map(() =>
        inTransaction(async () => {
          await sell((await sum()) + 1);
        }),
      ),
    );
    expect(await count()).toBe(3);
  },
};

describe('a body that may be repeated', () => {
  it.each(Object.entries(repeatable))('%s', async (_, test) => {
    await rehearse(test);
    expect(await count()).toBe(0);
  });
  // What Sluice itself sends beside it is no call out of its body.
  it.skipIf(engine.name === 'sqlite').each<[string, PoolOptions, Settings]>([
    ['waits long enough for locks to be looked at', {}, {}],
    ['has connections that are checked before they are used', { validateAfter: 1 }, { lockProbeAfter: false }],
    ['has connections that are closed since they are old', { maxLifetime: 50 }, { lockProbeAfter: false }],
  ])('%s', async (_, options, settings) => {
    database = server.open({ max: 4, ...options }, { foreignWaits: 'off', ...settings });
    await rehearse(() =>
      inTransaction(async () => {
        await sell(1);
        await database.transaction(() => run(engine.sql.sleep(0.3)), { propagation: 'REQUIRES_NEW' });
      }),
    );
  });
  it.skipIf(engine.name === 'sqlite')('has the first query of Knex, which asks for the version before it', async () => {
    const knex = createKnex(database);
    await rehearse(() => inTransaction(async () => await knex('sale').insert({ product_id: 1 })));
  });
  it('draws the same random numbers in each attempt, and others outside of it', async () => {
    const drawn: number[] = [];
    await rehearse(async () => {
      await inTransaction(async () => {
        await sell(1);
        drawn.push(Math.random(), Math.random());
      });
      drawn.push(Math.random());
    });
    expect(drawn.slice(0, 2)).toEqual(drawn.slice(2, 4));
    expect(new Set(drawn).size).toBe(3);
  });
  it('is repeated, and keeps what the last attempt wrote', async () => {
    let attempts = 0;
    await rehearse(async () => {
      await inTransaction(async () => {
        attempts += 1;
        await sell(1);
      });
      expect(await count()).toBe(1);
    });
    expect(attempts).toBe(2);
  });
});

describe('where it is asked for', () => {
  const attemptsOf = async (proves: boolean | undefined, options: TransactionOptions = retry): Promise<number> => {
    let attempts = 0;
    const test = () =>
      database.transaction(async () => {
        attempts += 1;
        await sell(1);
      }, options);
    await rolledBack(database, test, { proveRepeatable: proves });
    return attempts;
  };
  it('by the option, and by the environment', async () => {
    const before = process.env['SLUICE_PROVE_REPEATABLE'];
    try {
      delete process.env['SLUICE_PROVE_REPEATABLE'];
      expect(await attemptsOf(undefined)).toBe(1);
      expect(await attemptsOf(true)).toBe(2);
      process.env['SLUICE_PROVE_REPEATABLE'] = '1';
      expect(await attemptsOf(undefined)).toBe(2);
      expect(await attemptsOf(false)).toBe(1);
      process.env['SLUICE_PROVE_REPEATABLE'] = 'yes';
      await expect(attemptsOf(undefined)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    } finally {
      if (before === undefined) delete process.env['SLUICE_PROVE_REPEATABLE'];
      else process.env['SLUICE_PROVE_REPEATABLE'] = before;
    }
  });
  it('not of a transaction without several attempts', async () => {
    expect(await attemptsOf(true, {})).toBe(1);
    expect(await attemptsOf(true, { retry: { attempts: 1 } })).toBe(1);
  });
  it('beside another test on the same database, and then not at all', async () => {
    const { random } = Math;
    const tap = () => database.stats().clients.default.used;
    if (engine.name !== 'sqlite')
      expect(await Promise.all([attemptsOf(true), attemptsOf(true), attemptsOf(false)])).toEqual([2, 2, 1]);
    expect(await attemptsOf(true)).toBe(2);
    expect(Math.random).toBe(random);
    expect(tap()).toBe(0);
    const body = () => inTransaction(() => sell(1));
    const setup = () => run('delete from sale');
    expect(await proveRepeatable(database, { setup, body })).toMatchObject({ repeated: ['anonymous'] });
    await run('delete from sale');
  });
  it('not while proveRepeatable runs', async () => {
    const body = () => rehearse(() => sell(1));
    const error: unknown = await proveRepeatable(database, { setup: () => undefined, body }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ cause: { code: 'REPEATABLE_SETUP' } });
  });
});

it('finds it in the tests of rollbackEach', async () => {
  const tests: (() => Promise<unknown>)[] = [];
  const collect = (_name: string, test: () => Promise<unknown>): void => void tests.push(test);
  const test = rollbackEach(database, collect, { proveRepeatable: true });
  let next = 0;
  test('sells', () => inTransaction(() => sell((next += 1))));
  test('sells one', () => inTransaction(() => sell(1)));
  await expect(tests[0]?.()).rejects.toMatchObject({ code: 'NOT_REPEATABLE' });
  await tests[1]?.();
});
