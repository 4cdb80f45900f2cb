// Bodies that retry breaks are found, and those that it does not are not; proofs of the proof's own bounds.
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allowForeignWaits, type Database, type TransactionOptions } from '../../src/index.ts';
import {
  interleave,
  NotRepeatableError,
  NothingRepeatedError,
  proveRepeatable,
  type ProveRepeatableOptions,
  RepeatableSetupError,
  type RepeatProblem,
  rolledBack,
} from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { saleTables } from '../support/sale-tables.ts';

const server = useTestDatabase(...saleTables);

let database: Database<'default'>;
let http: Server;
let tcp: ReturnType<typeof createTcpServer>;
let open: Socket;
let folder: string;
let url: string;

beforeAll(async () => {
  http = createServer((_, response) => response.end('{}'));
  tcp = createTcpServer((socket) => socket.on('data', () => socket.write('+OK\r\n')));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${portOf(http)}/`;
  open = connect(portOf(tcp), '127.0.0.1');
  await new Promise((resolve) => open.once('connect', resolve));
  folder = mkdtempSync(join(tmpdir(), 'sluice-repeatable-'));
});
afterAll(() => {
  open.destroy();
  http.closeAllConnections();
  http.close();
  tcp.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  database = server.open(engine.name === 'sqlite' ? {} : { max: 4 }, { foreignWaits: 'off' });
});

const portOf = (server: { address(): unknown }): number => (server.address() as { port: number }).port;
const retry: TransactionOptions = { retry: { attempts: 3, delay: 1 } };
const run = (text: string, values: readonly unknown[] = []) => database.query(text, values);
const sell = (product: unknown, token?: string) =>
  run('insert into sale (product_id, token) values ($1, $2)', [product, token ?? null]);
const inTransaction = <Result>(body: () => Promise<Result>): Promise<Result> => database.transaction(body, retry);

async function setup(): Promise<void> {
  for (const table of ['sale', 'audit', 'product']) await run(`delete from ${table}`);
  await run("insert into product (id, stock, name) values (1, 5, 'book'), (2, 5, 'pen')");
}

type Case = Partial<ProveRepeatableOptions<never>> & Pick<ProveRepeatableOptions<never>, 'body'>;
interface Broken {
  readonly problem: RepeatProblem;
  readonly of: () => Case;
}

/** A case with arguments that setup makes anew. */
const given = <Given>(make: () => Given, body: (given: Given) => unknown): Case =>
  ({ setup: () => setup().then(make), body }) as unknown as Case;

const broken: Readonly<Record<string, Broken>> = {
  'a counter beside the body, which is returned': {
    problem: 'resultDiffers',
    of: () => ({
      body: async () => {
        let sold = 0;
        await inTransaction(async () => {
          sold += 1;
          await sell(1);
        });
        return sold;
      },
    }),
  },
  'a large counter of the module, which is sent': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 20_260_000;
      return { body: () => inTransaction(() => sell(1, `ORD-${(next += 1)}`)) };
    },
  },
  'a counter of the module, which is sent': {
    problem: 'sentOtherwise',
    of: () => {
      let next = 0;
      return { body: () => inTransaction(() => sell((next += 1))) };
    },
  },
  'a counter of the module, which is only returned': {
    problem: 'resultDiffers',
    of: () => {
      let sold = 0;
      return {
        body: () =>
          inTransaction(async () => {
            await sell(1);
            return (sold += 1);
          }),
      };
    },
  },
  'a list beside the body, written at its end': {
    problem: 'sentOtherwise',
    of: () => ({
      body: async () => {
        const lines: string[] = [];
        await inTransaction(async () => {
          lines.push('line');
          for (const line of lines) await sell(1, line);
        });
      },
    }),
  },
  'a list that it returns': {
    problem: 'resultDiffers',
    of: () => ({
      body: async () => {
        const sold: number[] = [];
        await inTransaction(async () => {
          await sell(1);
          sold.push(1);
        });
        return sold;
      },
    }),
  },
  'a cache in a Map': {
    problem: 'sentOtherwise',
    of: () => {
      const names = new Map<number, unknown>();
      return {
        body: () =>
          inTransaction(async () => {
            if (!names.has(1)) names.set(1, (await run('select name from product where id = 1')).rows[0]);
            await sell(1);
          }),
      };
    },
  },
  'a table that is another one at the second attempt': {
    problem: 'sentOtherwise',
    of: () => {
      let table = 'sale';
      return {
        body: () =>
          inTransaction(async () => {
            await run(`select id from ${table}`);
            table = 'audit';
          }),
      };
    },
  },
  'an argument that is changed': {
    problem: 'argumentChanged',
    of: () =>
      given(
        () => ({ total: 10 }),
        (cart) =>
          inTransaction(async () => {
            await sell(1);
            cart.total -= 1;
          }),
      ),
  },
  'a list in an argument that is pushed to': {
    problem: 'argumentChanged',
    of: () =>
      given(
        () => ({ history: [] as string[] }),
        (order) =>
          inTransaction(async () => {
            await sell(1);
            order.history.push('sold');
          }),
      ),
  },
  fetch: {
    problem: 'calledOut',
    of: () => ({
      body: () =>
        inTransaction(async () => {
          await sell(1);
          await (await fetch(url)).text();
        }),
    }),
  },
  'a command on a connection that is open, as to Redis': {
    problem: 'calledOut',
    of: () => ({
      body: () =>
        inTransaction(async () => {
          await sell(1);
          const answered = new Promise((resolve) => open.once('data', resolve));
          open.write('SET sold 1\r\n');
          await answered;
        }),
    }),
  },
  'a mail over a connection of its own': {
    problem: 'calledOut',
    of: () => ({
      body: () =>
        inTransaction(async () => {
          await sell(1);
          const mail = connect(portOf(tcp), '127.0.0.1');
          await new Promise((resolve) => mail.once('connect', resolve));
          mail.destroy();
        }),
    }),
  },
  'a Set of what was seen': {
    problem: 'sentOtherwise',
    of: () => {
      const seen = new Set<string>();
      return {
        body: () =>
          inTransaction(async () => {
            await run('select id from product');
            if (seen.has('message')) return;
            seen.add('message');
            await sell(1);
          }),
      };
    },
  },
  'a flag that it is done': {
    problem: 'sentOtherwise',
    of: () => ({
      body: async () => {
        let isDone = false;
        await inTransaction(async () => {
          if (isDone) return;
          isDone = true;
          await sell(1);
        });
      },
    }),
  },
  'a promise that is kept': {
    problem: 'sentOtherwise',
    of: () => {
      let selling: Promise<unknown> | undefined;
      return {
        body: () =>
          inTransaction(async () => {
            await run('select id from product');
            await (selling ??= sell(1));
          }),
      };
    },
  },
  'a variable that is read, and then written': {
    problem: 'sentOtherwise',
    of: () => {
      let last = 'first';
      return {
        body: () =>
          inTransaction(async () => {
            await sell(1, last);
            last = last === 'first' ? 'second' : 'first';
          }),
      };
    },
  },
  'an event that is emitted': {
    problem: 'watchedDiffers',
    of: () => {
      const shop = new EventEmitter();
      const mails: string[] = [];
      shop.on('sold', () => mails.push('sold'));
      return {
        watch: () => mails,
        body: () =>
          inTransaction(async () => {
            await sell(1);
            shop.emit('sold');
          }),
      };
    },
  },
  'a file that is appended to': {
    problem: 'watchedDiffers',
    of: () => {
      const file = join(folder, `${randomUUID()}.log`);
      return {
        setup: async () => {
          await setup();
          writeFileSync(file, '');
          return undefined as never;
        },
        watch: () => readFileSync(file, 'utf8'),
        body: () =>
          inTransaction(async () => {
            await sell(1);
            appendFileSync(file, 'sold\n');
          }),
      };
    },
  },
  'a time that is kept, after which it does nothing for a while': {
    problem: 'sentOtherwise',
    of: () => {
      let reportedAt = 0;
      return {
        body: () =>
          inTransaction(async () => {
            if (Date.now() - reportedAt > 60_000) await run("insert into audit (what) values ('report')");
            reportedAt = Date.now();
            await sell(1);
          }),
      };
    },
  },
  'an entity that has its key from the first attempt': {
    problem: 'sentOtherwise',
    of: () =>
      given(
        () => ({ id: undefined as unknown, token: 'entity' }),
        (entity) =>
          inTransaction(async () => {
            if (entity.id !== undefined) {
              await run('update sale set token = $1 where id = $2', [entity.token, entity.id]);
              return;
            }
            await sell(1, entity.token);
            entity.id = (await run("select id from sale where token = 'entity'")).rows[0]?.['id'];
          }),
      ),
  },
  'an iterator that is used up': {
    problem: 'sentOtherwise',
    of: () =>
      given(
        () => [1, 2].values(),
        (products) =>
          inTransaction(async () => {
            await run('select id from product');
            for (const product of products) await sell(product);
          }),
      ),
  },
  'a stream that is used up': {
    problem: 'sentOtherwise',
    of: () =>
      given(
        () => Readable.from(['a', 'b']),
        (lines) =>
          inTransaction(async () => {
            await run('select id from product');
            // A stream that is read to its end is destroyed, which a loop over it tells by an error.
            const read: string[] = lines.readable ? ((await lines.toArray()) as string[]) : [];
            for (const line of read) await sell(1, line);
          }),
      ),
  },
  'an error that is kept from the first attempt': {
    problem: 'resultDiffers',
    of: () => ({
      body: async () => {
        let attempts = 0;
        return await inTransaction(async () => {
          attempts += 1;
          await sell(1);
          if (attempts > 1) throw new Error('sold already');
        }).catch((error: unknown) => (error as Error).message);
      },
    }),
  },
};

/** What one server cannot do from within its own writer. */
const brokenWithSecondConnection: Readonly<Record<string, Broken>> = {
  'what commits by itself, as REQUIRES_NEW does': {
    problem: 'rowsDiffer',
    of: () => ({
      body: () =>
        inTransaction(async () => {
          await sell(1);
          await database.transaction(() => run("insert into audit (what) values ('sold')"), {
            propagation: 'REQUIRES_NEW',
          });
        }),
    }),
  },
  'the same, beside a row of setup whose key is generated': {
    problem: 'rowsDiffer',
    of: () => ({
      ...given(
        () => run("insert into audit (what) values ('opened')"),
        () => undefined,
      ),
      body: () =>
        inTransaction(async () => {
          await sell(1);
          await database.transaction(() => run("insert into audit (what) values ('sold')"), {
            propagation: 'REQUIRES_NEW',
          });
        }),
    }),
  },
  'a job that is pushed through another pool': {
    problem: 'calledOut',
    of: () => {
      const other = server.open({ max: 1 });
      return {
        body: () =>
          inTransaction(async () => {
            await sell(1);
            await other.query("insert into audit (what) values ('job')");
          }),
      };
    },
  },
};

async function problemsOf(options: Case): Promise<NotRepeatableError> {
  const error: unknown = await proveRepeatable(database, { setup: setup as never, ...options }).catch(
    (e: unknown) => e,
  );
  if (!(error instanceof NotRepeatableError)) throw new Error(`it was not found: ${String(error)}`);
  return error;
}

describe('a body that retry breaks', () => {
  const all = { ...broken, ...(engine.name === 'sqlite' ? {} : brokenWithSecondConnection) };
  it.each(Object.entries(all))('%s', async (_, { problem, of }) => {
    const error = await problemsOf(of());
    expect(error.findings.map((each) => each.problem)).toContain(problem);
    expect(error.code).toBe('NOT_REPEATABLE');
    expect(error.findings[0]?.transactionAt).toContain('repeatable.test.ts');
    for (const { place, problem: found } of error.findings)
      if (found === 'sentOtherwise' || found === 'calledOut') expect(place).toContain('repeatable.test.ts');
  });
});

const repeatable: Readonly<Record<string, () => Case>> = {
  'sells, with a generated key, a token and a time': () => ({
    body: () =>
      inTransaction(async () => {
        const token = randomUUID();
        await run('update product set stock = stock - 1 where id = 1');
        await run('insert into sale (product_id, token, sold_at) values ($1, $2, $3)', [
          1,
          token,
          new Date().toISOString(),
        ]);
        const { rows } = await run('select id from sale where token = $1', [token]);
        await run('insert into audit (what) values ($1)', [`sale ${String(rows[0]?.['id'])}`]);
        return { id: rows[0]?.['id'], token, at: Date.now(), chance: Math.random() };
      }),
  }),
  'makes a number of an invoice from a generated key': () => ({
    body: () =>
      inTransaction(async () => {
        await sell(1, 'first');
        const { rows } = await run("select id from sale where token = 'first'");
        const number = `INV-${String(rows[0]?.['id']).padStart(6, '0')}`;
        await run('update sale set token = $1 where id = $2', [number, rows[0]?.['id']]);
      }),
  }),
  'depends on chance, in texts, small numbers and how much it writes': () => ({
    body: () =>
      inTransaction(async () => {
        const chance = (most: number): number => Math.floor(Math.random() * most);
        for (let left = chance(3); left >= 0; left -= 1) await sell(chance(2));
        await run('insert into audit (what) values ($1)', [Math.random().toString(36).slice(2, 8)]);
        return chance(2);
      }),
  }),
  'keeps what it has done once it is committed': () => {
    let sold = 0;
    return {
      watch: () => sold,
      body: () =>
        inTransaction(async () => {
          await sell(1);
          database.current.commit(() => void (sold += 1));
        }),
    };
  },
  ...(engine.name === 'sqlite'
    ? {}
    : {
        'waits so long on another connection that Sluice looks at locks': () => ({
          body: () =>
            inTransaction(async () => {
              await sell(1);
              await database.transaction(() => run(engine.sql.sleep(0.3)), { propagation: 'REQUIRES_NEW' });
            }),
        }),
      }),
  'calls others from a hook': () => ({
    body: () =>
      inTransaction(async () => {
        await sell(1);
        database.current.commit(async () => void (await (await fetch(url)).text()));
      }),
  }),
  'calls others where that is allowed': () => ({
    body: () =>
      inTransaction(async () => {
        await sell(1);
        await allowForeignWaits(async () => (await fetch(url)).text());
      }),
  }),
  'begins its lists anew, and sets its argument to the same': () =>
    given(
      () => ({ state: 'new' }),
      (order) =>
        inTransaction(async () => {
          const lines = ['a', 'b'];
          await Promise.all(lines.map((line) => sell(1, line)));
          order.state = 'sold';
          return lines;
        }),
    ),
  'counts calls for its own statistics before the transaction': () => {
    let calls = 0;
    return {
      watch: () => calls,
      body: () => {
        calls += 1;
        return inTransaction(() => sell(1));
      },
    };
  },
  'sells two times, one after the other': () => ({
    body: async () => {
      await inTransaction(() => sell(1));
      await inTransaction(() => sell(2));
    },
  }),
  'fails in the second of two': () => ({
    body: async () => {
      await inTransaction(() => sell(1));
      await inTransaction(async () => {
        throw new Error('sold out');
      });
    },
  }),
};

describe('a body that may be repeated', () => {
  it.each(Object.entries(repeatable))('%s', async (_, of) => {
    const proof = await proveRepeatable(database, { setup: setup as never, ...of() });
    expect(proof.repeated.length).toBeGreaterThan(0);
    expect(proof.notCompared).toEqual([]);
  });
});

describe('what cannot be proved', () => {
  const prove = (options: Partial<ProveRepeatableOptions<never>>): Promise<unknown> =>
    proveRepeatable(database, { setup: setup as never, body: () => inTransaction(() => sell(1)), ...options }).catch(
      (error: unknown) => error,
    );

  it('no transaction has retry', async () => {
    const error = await prove({ body: () => database.transaction(() => sell(1)) });
    expect(error).toBeInstanceOf(NothingRepeatedError);
    expect(String(error)).toContain('has "retry", so that nothing was repeated');
  });
  it('no transaction begins', async () => {
    const error = await prove({ body: () => 7 });
    expect(error).toBeInstanceOf(NothingRepeatedError);
    expect(String(error)).toContain('has begun no transaction');
  });
  it('the transaction sends no statement', async () => {
    const error = await prove({
      body: () => database.transaction(async () => Math.random(), { ...retry, name: 'sell' }),
    });
    expect(error).toBeInstanceOf(NothingRepeatedError);
    expect(String(error)).toContain('The transaction "sell" has "retry", and sent no statement on this database');
    expect(String(error)).toContain('bind the library that it uses');
  });
  it('the transaction fails before it sends a statement', async () => {
    const body = () =>
      inTransaction(async () => {
        throw new Error('sold out');
      });
    const error = await prove({ body });
    expect(error).toMatchObject({ code: 'NOTHING_REPEATED', cause: { message: 'sold out' } });
    expect(String(error)).toContain('The transaction "anonymous" has "retry", and sent no statement');
  });
  it('the body always fails', async () => {
    const body = () =>
      inTransaction(async () => {
        await sell(1);
        throw new Error('sold out');
      });
    const error = await prove({ body });
    expect(error).toMatchObject({ code: 'NOTHING_REPEATED', cause: { message: 'sold out' } });
    expect(String(error)).toContain('repeatable.test.ts');
  });
  it('the body hangs, and is stopped', async () => {
    const body = () => inTransaction(() => sell(1).then(() => new Promise(() => undefined)));
    const error = await prove({ body, timeout: 2_000 });
    expect(String(error)).toMatch(
      /has not ended within 2000 ms\. Its last statement was sent at .*repeatable\.test\.ts/,
    );
    expect(await prove({})).toMatchObject({ repeated: ['anonymous'] });
  });
  it('the body hangs outside of its transaction', async () => {
    const body = () => inTransaction(() => sell(1)).then(() => new Promise(() => undefined));
    expect(String(await prove({ body, timeout: 2_000 }))).toContain('has not ended within 2000 ms');
    expect(await prove({})).toMatchObject({ repeated: ['anonymous'] });
  });
  it.each(['setup', 'watch'] as const)(
    '%s hangs, or holds a transaction, and is stopped',
    { timeout: 30_000 },
    async (name) => {
      const never = (): Promise<never> => new Promise(() => undefined);
      for (const hanging of [never, () => database.transaction(() => sell(1).then(never))]) {
        const error = await prove({ [name]: hanging, timeout: 2_000 });
        expect(error).toMatchObject({ code: 'REPEATABLE_SETUP' });
        expect(String(error)).toContain(`The function "${name}" of proveRepeatable has not ended within 2000 ms`);
        expect(database.stats().clients.default.used).toBe(0);
      }
      expect(await prove({})).toMatchObject({ repeated: ['anonymous'] });
    },
  );
  it('watch fails', async () => {
    const watch = (): never => {
      throw new Error('no such file');
    };
    const error = await prove({ watch });
    expect(error).toMatchObject({ code: 'REPEATABLE_SETUP', cause: { message: 'no such file' } });
    expect(String(error)).toContain('The function "watch" of proveRepeatable failed');
  });
  it('the setup fails the second time', async () => {
    let runs = 0;
    const failing = async (): Promise<never> => {
      runs += 1;
      if (runs > 1) throw new Error('there already');
      await setup();
      return undefined as never;
    };
    const error = await prove({ setup: failing });
    expect(error).toBeInstanceOf(RepeatableSetupError);
    expect(String(error)).toContain('before run 2');
  });
  it('it runs already', async () => {
    const body = () => proveRepeatable(database, { setup, body: () => inTransaction(() => sell(1)) });
    expect(await prove({ body })).toMatchObject({ cause: { code: 'REPEATABLE_SETUP' } });
    const inside = () => interleave(database, { setup, actors: { a: () => 1, b: () => 2 } });
    if (engine.name !== 'sqlite')
      expect(await prove({ body: inside })).toMatchObject({ cause: { code: 'INTERLEAVE_SETUP' } });
  });
  it('it is called inside of a transaction', async () => {
    await database.transaction(async () => expect(await prove({})).toMatchObject({ code: 'INVALID_OPTION' }));
    await rolledBack(database, async () => expect(await prove({})).toMatchObject({ code: 'INVALID_OPTION' }));
  });
  it('the database looks like one of production', async () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      expect(await prove({})).toMatchObject({ code: 'REPEATABLE_SETUP' });
      expect(await prove({ allowProduction: true })).toMatchObject({ repeated: ['anonymous'] });
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });
  it('a table is unknown, or too large', async () => {
    expect(await prove({ tables: ['nothing'] })).toMatchObject({ code: 'REPEATABLE_SETUP' });
    expect(String(await prove({ maxRows: 1, tables: ['product'] }))).toContain('more than 1 rows');
  });
});

it('leaves nothing behind', async () => {
  const write: unknown = Reflect.getOwnPropertyDescriptor(open.constructor.prototype as object, 'write');
  await proveRepeatable(database, { setup, body: () => inTransaction(() => sell(1)) });
  expect(Reflect.getOwnPropertyDescriptor(open.constructor.prototype as object, 'write')).toEqual(write);
  expect(database.stats().clients.default.used).toBe(0);
  expect(await inTransaction(() => sell(2))).toBeDefined();
});

it('takes arguments that cannot be cloned', async () => {
  class Cart {
    readonly #secret = 1;
    readonly add = (): number => this.#secret;
    readonly self = this;
  }
  const options = given(
    () => ({ cart: new Cart(), later: Promise.resolve(1), weak: new WeakMap(), symbol: Symbol('s') }),
    ({ cart }) => inTransaction(() => sell(cart.add())),
  );
  expect(await proveRepeatable(database, { setup: setup as never, ...options })).toMatchObject({
    repeated: ['anonymous'],
  });
});
