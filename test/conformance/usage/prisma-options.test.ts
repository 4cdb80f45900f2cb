// Every option of Prisma's own types: it has its effect as with a pool of its own, or it is refused by its name.
import { PrismaPg } from '@prisma/adapter-pg';
import type { PrismaClientOptions } from '@prisma/client/runtime/client';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { ambientPool } from '../../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { bindPrisma } from '../../../src/integrations/prisma/index.ts';
import { useTestDatabase } from '../../support/database.ts';
import type { ProductClient, TransactionOptions } from '../../support/prisma-client.ts';
import { rejection, signal, until } from '../../support/settled.ts';
import { PrismaClient, shapeOf } from './prisma.ts';

type Each<Type> = Type extends unknown ? keyof Type : never;
type AdapterOptions = NonNullable<ConstructorParameters<typeof PrismaPg>[1]>;

const server = useTestDatabase();
const opened: ProductClient[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.$disconnect()));
});

interface Given {
  readonly client?: object;
  readonly adapter?: AdapterOptions;
}

const openAlone = ({ client, adapter }: Given): ProductClient => {
  const pool = { connectionString: server.url, max: 1 };
  return keep(new PrismaClient({ adapter: new PrismaPg(pool, adapter), ...client }));
};
const openBound = (database: Database<'default'>, { client, adapter }: Given): ProductClient =>
  bindPrisma(keep(new PrismaClient({ adapter: new PrismaPg(ambientPool(database), adapter), ...client })), database);

function keep(client: ProductClient): ProductClient {
  opened.push(client);
  return client;
}

/** Runs something in what is around it. */
type Around = <Result>(body: () => Promise<Result>) => Promise<Result>;
const nothing: Around = (body) => body();

/** A client in an ambient transaction logs the end of it too, after the caller was answered. */
async function untilCommitIsTold(around: Around, told: readonly string[]): Promise<void> {
  if (around !== nothing) await until('the end of the transaction was logged', () => told.includes('COMMIT'));
}

/** What is seen of an option, and by whom; `inside` where that is another thing on purpose. */
interface Case extends Given {
  readonly see: (client: ProductClient, around: Around) => Promise<unknown>;
  readonly inside?: unknown;
  /** It changes nothing that could be seen here: it is refused, or of no effect in Prisma itself. */
  readonly isSilent?: boolean;
}

async function compare({ see, inside, isSilent, ...given }: Case): Promise<void> {
  const right = await see(openAlone(given), nothing);
  if (isSilent !== true) expect(await see(openAlone({}), nothing)).not.toEqual(right);
  const database = server.open({ max: 1 });
  expect(await see(openBound(database, given), nothing)).toEqual(right);
  const ambient = await see(openBound(database, given), (body) => database.transaction(body));
  expect(ambient).toEqual(inside ?? right);
  expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
}

const show = (tx: ProductClient): PromiseLike<unknown> => tx.$queryRawUnsafe('show transaction_isolation');
const outcomeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch(({ name, code }: Error & { code: unknown }) => [name, code]);

/** Of a transaction, given to the call or to the client. */
const ofTransaction: Record<
  Exclude<keyof NonNullable<PrismaClientOptions['transactionOptions']>, 'newTxId'>,
  {
    readonly options: TransactionOptions;
    readonly inside?: unknown;
    readonly see: (run: Run, client: ProductClient, around: Around) => Promise<unknown>;
  }
> = {
  maxWait: {
    options: { maxWait: 100 },
    // The one connection is in use, and it is long until it is free.
    async see(run, client, around) {
      const begun = signal();
      const done = signal();
      const patient = { maxWait: 60_000, timeout: 60_000 };
      const holding = client.$transaction(async (tx) => {
        await tx.product.count();
        begun.fire();
        await done.promise;
      }, patient);
      await begun.promise;
      const outcome = await outcomeOf(around(() => run((tx) => tx.product.count(), client)));
      done.fire();
      await holding;
      return [outcome, await client.product.count()];
    },
  },
  timeout: {
    options: { timeout: 100 },
    see: (run, client, around) =>
      around(() => outcomeOf(run((tx) => tx.$queryRawUnsafe('select pg_sleep(0.4)::text'), client))),
  },
  isolationLevel: {
    options: { isolationLevel: 'Serializable' },
    see: (run, client, around) => around(() => run(show, client)).catch((error: { code: unknown }) => error.code),
    inside: 'INCOMPATIBLE_TRANSACTION',
  },
};

type Run = (body: (tx: ProductClient) => PromiseLike<unknown>, client: ProductClient) => Promise<unknown>;
const forms: Record<string, (options?: TransactionOptions) => Run> = {
  'a function': (options) => (body, client) =>
    client.$transaction(async (tx) => [await body(tx), await tx.product.count()], options),
  'a list': (options) => (body, client) => client.$transaction([body(client), client.product.count()], options),
};

describe.each(Object.entries(forms))("options of Prisma's transactions, for %s", (_, form) => {
  it.each(Object.entries(ofTransaction))('%s, given to the call', async (_name, { options, see, inside }) => {
    const run = form(options);
    const plain = form();
    const right = await see(run, openAlone({}), nothing);
    if (!('maxWait' in options)) expect(await see(plain, openAlone({}), nothing)).not.toEqual(right);
    const database = server.open({ max: 1 });
    expect(await see(run, openBound(database, {}), nothing)).toEqual(right);
    expect(await see(run, openBound(database, {}), (body) => database.transaction(body))).toEqual(inside ?? right);
    expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
  });

  it.each(Object.entries(ofTransaction))('%s, given to the client', async (_name, { options, see, inside }) => {
    const given = { client: { transactionOptions: options } };
    const right = await see(form(), openAlone(given), nothing);
    const database = server.open({ max: 1 });
    expect(await see(form(), openBound(database, given), nothing)).toEqual(right);
    const ambient = await see(form(), openBound(database, given), (body) => database.transaction(body));
    expect(ambient).toEqual(inside ?? right);
  });

  it("newTxId, which is Prisma's own, is refused", async () => {
    const client = openBound(server.open({ max: 1 }), {});
    const run = form({ newTxId: 'another' } as never);
    expect(await rejection(Promise.resolve().then(() => run(show, client)))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('"newTxId"') as string,
    });
  });

  it('an isolation that the ambient transaction gives is accepted', async () => {
    const database = server.open({ max: 1 });
    const client = openBound(database, {});
    const run = form({ isolationLevel: 'RepeatableRead' });
    const seen = await database.transaction(() => run(show, client), { isolationLevel: 'Serializable' });
    expect(seen).toEqual([[{ transaction_isolation: 'serializable' }], 0]);
  });
});

describe('options of a Prisma client', () => {
  const cases: Record<Each<PrismaClientOptions>, Case | 'elsewhere'> = {
    // The pool is here, and what is not on it is refused, see below.
    adapter: 'elsewhere',
    accelerateUrl: 'elsewhere',
    transactionOptions: 'elsewhere',
    errorFormat: {
      client: { errorFormat: 'minimal' },
      see: (client, around) =>
        around(async () => (await rejection(Promise.resolve(client.product.create({ data: {} })))).message),
    },
    log: {
      client: { log: [{ emit: 'event', level: 'query' }] },
      async see(client, around) {
        const told: string[] = [];
        client.$on('query', ({ query }) => told.push(query));
        await around(() => Promise.resolve(client.product.count()));
        await untilCommitIsTold(around, told);
        return told.map((query) => query.slice(0, 6));
      },
      inside: ['SELECT', 'COMMIT'],
    },
    omit: {
      client: { omit: { product: { name: true } } },
      see: (client, around) =>
        around(() => Promise.resolve(client.product.create({ data: { id: uniqueId() } })).then(keys)),
    },
    comments: {
      client: { comments: [() => ({ shop: 'yes' })] },
      see: (client, around) =>
        around(async () => {
          const rows = await client.$queryRawUnsafe('select query from pg_stat_activity where pid = pg_backend_pid()');
          return (rows as { query: string }[])[0]?.query.includes("shop='yes'");
        }),
    },
    queryPlanCacheMaxSize: {
      client: { queryPlanCacheMaxSize: 0 },
      see: (client, around) => around(async () => [await client.product.count(), await client.product.count()]),
      isSilent: true,
    },
    __internal: {
      client: { __internal: { configOverride: (config: object) => config } },
      see: (client, around) => around(() => Promise.resolve(client.product.count())),
      isSilent: true,
    },
  };
  const here = Object.entries(cases).filter((entry): entry is [string, Case] => entry[1] !== 'elsewhere');

  it.each(here)('%s', (_, one) => compare(one));
});

describe("options of Prisma's adapter", () => {
  const cases: Record<keyof AdapterOptions, Case | 'elsewhere'> = {
    onPoolError: 'elsewhere',
    onConnectionError: 'elsewhere',
    schema: {
      adapter: { schema: 'elsewhere' },
      client: { log: [{ emit: 'event', level: 'query' }] },
      async see(client, around) {
        const told: string[] = [];
        client.$on('query', ({ query }) => told.push(query));
        const code = await around(() => Promise.resolve(client.product.count())).catch(
          (error: { code: unknown }) => error.code,
        );
        await untilCommitIsTold(around, told);
        return [code, told];
      },
      inside: ['P2021', ['COMMIT']],
    },
    // It ends the pool, as `pool.end()` does, and nothing of the database.
    disposeExternalPool: {
      adapter: { disposeExternalPool: true },
      see: (client, around) => around(() => Promise.resolve(client.product.count())),
      isSilent: true,
    },
    userDefinedTypeParser: {
      adapter: { userDefinedTypeParser: () => Promise.resolve('parsed') },
      see: (client, around) =>
        around(async () => {
          const query = Promise.resolve(client.$queryRawUnsafe("select 'a'::mood as mood"));
          return await query.catch((error: { code: unknown }) => error.code);
        }),
    },
    statementNameGenerator: {
      adapter: { statementNameGenerator: ({ sql }) => `of ${sql.length}` },
      see: (client, around) =>
        around(async () => [
          await client.product.count(),
          await client.product.count(),
          await client.product.findFirst(),
        ]),
      isSilent: true,
    },
  };
  const here = Object.entries(cases).filter((entry): entry is [string, Case] => entry[1] !== 'elsewhere');

  it.each(here)('%s', async (name, one) => {
    if (name === 'userDefinedTypeParser') await server.sql("create type mood as enum ('a')");
    await compare(one);
  });

  it('onConnectionError and onPoolError are told of a connection that dies', async () => {
    const told: string[] = [];
    const adapter = { onPoolError: () => told.push('pool'), onConnectionError: () => told.push('connection') };
    const database = server.open({ max: 1 });
    const client = openBound(database, { adapter });
    await client.product.count();
    await server.kill();
    await until('the pool has told', () => told.length > 0);
    expect(told).toEqual(['pool']);
  });
});

describe('a client of Prisma that does not run on the pool of the database', () => {
  const ways: Record<string, (client: ProductClient) => Promise<unknown>> = {
    'a query': (client) => Promise.resolve(client.product.create({ data: { id: 1 } })),
    'a raw query': (client) => Promise.resolve(client.$executeRaw`insert into product (id) values (1)`),
    'a function': (client) => client.$transaction(async (tx) => await tx.product.create({ data: { id: 1 } })),
    'a list': (client) => client.$transaction([client.product.create({ data: { id: 1 } })]),
  };

  it.each(Object.keys(ways))('is refused in a transaction instead of escaping it: %s', async (name) => {
    const database = server.open({ max: 2 });
    const elsewhere = server.open({ max: 2 });
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    const adapters = [
      new PrismaPg(pool),
      new PrismaPg({ connectionString: server.url }),
      new PrismaPg(ambientPool(elsewhere)),
    ];
    for (const adapter of adapters) {
      const client = bindPrisma(keep(new PrismaClient({ adapter })), database);
      const error = await rejection(database.transaction(() => ways[name]?.(client) ?? Promise.resolve()));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error['remedy']).toContain('ambientPool(database)');
      if (name === 'a function')
        expect(await rejection(ways[name]?.(client) ?? Promise.resolve())).toMatchObject({ code: 'INVALID_OPTION' });
    }
    expect(await server.products()).toEqual([]);
    await pool.end();
  });

  it('is refused when it is bound, where it has no adapter: "accelerateUrl"', async () => {
    const database = createDatabase({ clients: { default: postgres({ connectionString: server.url }) } });
    const client = new PrismaClient({ accelerateUrl: 'prisma://accelerate.prisma-data.net/?api_key=none' } as never);
    expect(() => bindPrisma(client, database)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('"accelerateUrl"') as string,
      }),
    );
    await database.close();
  });
});

describe('queries of Prisma that were made before', () => {
  it('run in the transaction that awaits them, whoever else awaits one in the same moment', async () => {
    await server.sql('insert into product (id) values (1), (2)');
    const database = server.open({ max: 3 });
    const client = openBound(database, {});
    const made = [1, 2].map((id) => client.product.findUnique({ where: { id } }));
    const together = signal();
    let arrived = 0;
    const seen = await Promise.all(
      made.map((query, at) =>
        database.transaction(async () => {
          await database.current.query('update product set stock = 5 where id = $1', [at + 1]);
          arrived += 1;
          if (arrived === 2) together.fire();
          await together.promise;
          return (await query)?.stock;
        }),
      ),
    );
    expect(seen).toEqual([5, 5]);
  });

  it('never run outside of the transaction in which they were made', async () => {
    const database = server.open({ max: 2 });
    const client = openBound(database, {});
    const made: PromiseLike<unknown>[] = [];
    await database.transaction(async () => {
      made.push(client.product.create({ data: { id: 1 } }), client.product.create({ data: { id: 2 } }));
      await client.product.count();
    });
    expect(await shapeOf(made[0] as PromiseLike<unknown>)).toMatchObject({ code: 'P2028' });
    expect(await shapeOf(client.$transaction(made))).toMatchObject({ code: 'P2028' });
    expect(await server.products()).toEqual([]);
  });

  it('are refused where nothing awaits them and the transaction ends first', async () => {
    const database = server.open({ max: 2 });
    const client = openBound(database, {});
    let settled: PromiseLike<unknown> | undefined;
    await database.transaction(async () => {
      await client.product.count();
      settled = client.product.create({ data: { id: 1 } }).then(
        () => 'stored',
        (error: unknown) => error,
      );
    });
    expect(await settled).toMatchObject({ code: 'TRANSACTION_ENDED' });
    expect(await server.products()).toEqual([]);
  });
});

let lastId = 0;
const uniqueId = (): number => (lastId += 1);
const keys = (product: object): string[] => Object.keys(product);
