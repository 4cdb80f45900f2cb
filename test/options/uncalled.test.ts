import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app/index.ts';
import { type Cache, createCache, createChangesRelay, defineCache, MemoryStore } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createContextCarrier, createDatabase, Database, InvalidOptionError, Transactional } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { createOutboxTables, createRelay, registerOutboxDialect } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { createJobs, defineQueue, type Jobs, memory, type Worker } from '../../src/queue/index.ts';
import { poolOfOne, rollbackEach, rolledBack } from '../../src/testing/index.ts';
import { rejection } from '../support/settled.ts';

let database: Database;
beforeEach(() => {
  database = createDatabase({ clients: { default: sqlite() } });
});
afterEach(() => database.close({ timeout: 0 }));

const queues = { invoice: defineQueue('invoice') };

function refusal(call: () => unknown): InvalidOptionError {
  try {
    call();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

describe('a function that was given in place of what it makes', () => {
  it.each<[string, unknown, (given: never) => unknown]>([
    ['engine: memory()', memory, (engine) => createJobs(database, { queues, engine })],
    ['engine: pgBoss({ connectionString })', pgBoss, (engine) => createJobs(database, { queues, engine })],
    ['engine: bullmq({ connection })', bullmq, (engine) => createJobs(database, { queues, engine })],
    ['engine: memory()', memory, (engine) => createApp(database, { queues, engine })],
    ['default: postgres({ connectionString })', postgres, (made) => createDatabase({ clients: { default: made } })],
    ['default: mysql({ uri })', mysql, (made) => createDatabase({ clients: { default: made } })],
    ['default: sqlite({ file })', sqlite, (made) => createDatabase({ clients: { default: made } })],
    ["invoice: defineQueue('invoice')", defineQueue, (invoice) => createJobs(database, { queues: { invoice } })],
    ["invoice: defineQueue('invoice')", defineQueue, (invoice) => createApp(database, { queues: { invoice } })],
    ['product: defineModel({ table, key })', defineModel, (product) => createApp(database, { models: { product } })],
    ['product: defineCache({ name })', defineCache, (product) => createApp(database, { caches: { product } })],
    ['store: new MemoryStore(...)', MemoryStore, (store) => createCache(database, { name: 'stock', store })],
    ['store: new RedisStore(...)', RedisStore, (store) => createCache(database, { name: 'stock', store })],
    ['store: new RedisStore(...)', RedisStore, (store) => createChangesRelay(database, { store })],
  ])('is refused with what to write: %s', (write, given, call) => {
    const { message, remedy } = refusal(() => call(given as never));
    expect(remedy).toBe(`Write ${write}`);
    expect(message).toContain((given as { readonly name: string }).name);
  });

  it('is not one that makes something for a program of its own', () => {
    const engine = memory();
    expect(createJobs(database, { queues, engine: (host) => engine(host) })).toBeTypeOf('object');
  });
});

describe('what is no database names the function that got it', () => {
  const options = { queues };
  it.each<[string, (given: Database) => unknown]>([
    ['createJobs', (given) => createJobs(given, options)],
    ['createCache', (given) => createCache(given, { name: 'stock' })],
    ['createModel', (given) => createModel(given, { table: 'post', key: 'id' as never })],
    ['createRelay', (given) => createRelay(given, { channel: 'c', deliver: () => Promise.resolve() })],
    ['createContextCarrier', (given) => createContextCarrier(given)],
    ['createKnex', (given) => createKnex(given)],
    ['ambientPool', (given) => ambientPool(given)],
    ['rollbackEach', (given) => rollbackEach(given, () => {})],
  ])('%s', (name, call) => {
    for (const given of [options, { clients: {} }]) {
      const { message, remedy } = refusal(() => call(given as never));
      expect(message).toMatch(new RegExp(`^${name} got `));
      expect(remedy).toContain('createDatabase()');
    }
  });

  it('poolOfOne, which rejects', async () => {
    await expect(poolOfOne(options as never, () => {})).rejects.toThrow(
      /^poolOfOne got an object in place of a database/,
    );
  });

  it('rolledBack and poolOfOne that got the function alone', async () => {
    const body = (() => {}) as never;
    for (const [name, refused] of [
      ['rolledBack', rolledBack(body, undefined as never)],
      ['poolOfOne', poolOfOne(body, undefined as never)],
    ] as const) {
      expect(await rejection(refused)).toMatchObject({
        message: expect.stringMatching(`^${name} got .* in place of a database`) as string,
        remedy: `Write ${name}(database, fn), with what createDatabase() returned`,
      });
    }
  });

  it('createJobs, whose arguments are the other way round', () => {
    expect(refusal(() => createJobs(options as never, database as never))).toMatchObject({
      message: expect.stringContaining('createJobs got an object in place of a database') as string,
      remedy: 'Write createJobs(database, options), with what createDatabase() returned',
    });
  });
});

it('a client without a name is told where it goes', () => {
  const client = sqlite();
  for (const given of [client, { clients: client }]) {
    expect(refusal(() => createDatabase(given as never))).toMatchObject({
      message: expect.stringContaining('createDatabase got a client in place of clients by name') as string,
      remedy: 'Give it a name: createDatabase({ clients: { default: postgres(...) } })',
    });
  }
});

describe('worker.handle says what to write in place of', () => {
  const mail = defineQueue('mail');
  const work = (): void => {};
  it.each<[string, (worker: Worker, jobs: Jobs<{ mail: typeof mail }>) => unknown, string, string]>([
    ['a name', (worker) => worker.handle('mail' as never, work), 'the name "mail"', 'the definition, not its name'],
    ['another string', (worker) => worker.handle('secret' as never, work), 'a string in place', 'the definition, not'],
    ['nothing', (worker) => worker.handle(undefined as never, work), 'undefined in place', 'first what defineQueue()'],
    ['swapped arguments', (worker) => worker.handle(work as never, mail as never), 'other way round', 'first what'],
    [
      'the live queue',
      (worker, jobs) => worker.handle(jobs.queues.mail as never, work),
      'the queue "mail" of jobs.queues',
      "what defineQueue('mail') returned",
    ],
    ['one that is not known', (worker) => worker.handle(defineQueue('none'), work), 'does not know', 'are: mail'],
  ])('%s', async (_, call, what, remedy) => {
    const jobs = createJobs(database, { queues: { mail } });
    const worker = jobs.worker();
    const error = await rejection(Promise.resolve().then(() => call(worker, jobs)));
    expect(error).toMatchObject({ code: 'UNKNOWN_QUEUE' });
    expect(error).toMatchObject({
      message: expect.stringContaining(what) as string,
      remedy: expect.stringContaining(remedy) as string,
    });
    expect(String(error)).not.toContain('secret');
    await jobs.close();
  });
});

describe('a call of a cache that got a bad argument names the call and the cache', () => {
  it.each<[string, (cache: Cache<unknown>) => unknown]>([
    ['get() of the cache "stock" got undefined for its key', (cache) => cache.get(undefined as never)],
    ['get() of the cache "stock" got undefined as a part of its key', (cache) => cache.get([undefined] as never)],
    ['get() of the cache "stock" got a key that is empty', (cache) => cache.get([])],
    ['set() of the cache "stock" got undefined for its key', (cache) => cache.set('v', undefined as never)],
    ['set() of the cache "stock" expects an options object', (cache) => cache.set('v', 'k', 60_000 as never)],
    ['getOrSet() of the cache "stock" got null for its key', (cache) => cache.getOrSet(null as never, () => 1)],
    ['getOrSet() of the cache "stock" got the number 0 for', (cache) => cache.getOrSet('k', () => 1, { ttl: 0 })],
    ['mget() of the cache "stock" got a string for its keys', (cache) => cache.mget('k' as never)],
    ['mget() of the cache "stock" got null for its key', (cache) => cache.mget([null as never])],
    ['del() of the cache "stock" got undefined for its key', (cache) => cache.del(undefined as never)],
    ['mdel() of the cache "stock" got undefined for its keys', (cache) => cache.mdel(undefined as never)],
    ['clear() of the cache "stock" has no option "ttl"', (cache) => cache.clear({ ttl: 5 } as never)],
    ['invalidate() of the cache "stock" got a string for its tags', (cache) => cache.invalidate('x' as never)],
    ['peek() of the cache "stock" got undefined for its key', async (cache) => cache.peek(undefined as never)],
  ])('%s', async (what, call) => {
    const error = await rejection(Promise.resolve(call(createCache(database, { name: 'stock' }))));
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(what) as string });
  });

  it('and set says in which order its arguments come', async () => {
    const cache = createCache(database, { name: 'stock' });
    expect(await rejection(cache.set('v', undefined as never))).toMatchObject({
      remedy: expect.stringContaining('Write set(value, key, options)') as string,
    });
  });
});

it('createOutboxTables and registerOutboxDialect name their arguments', async () => {
  expect(await rejection(createOutboxTables(undefined as never))).toMatchObject({
    message: expect.stringContaining('createOutboxTables got undefined in place of a handle') as string,
    remedy: expect.stringContaining('Write createOutboxTables(database.current)') as string,
  });
  expect(await rejection(createOutboxTables(database as never))).toMatchObject({
    remedy: 'It is a database: write createOutboxTables(database.current)',
  });
  expect(refusal(() => registerOutboxDialect('x', undefined as never)).message).toContain(
    'registerOutboxDialect got undefined for its argument "outbox"',
  );
});

it('@Transactional without parentheses is told to have some', () => {
  class Orders {
    async place(): Promise<void> {}
  }
  const { prototype } = Orders;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'place');
  const calls: readonly unknown[][] = [
    [prototype, 'place', descriptor], // the legacy standard
    [descriptor?.value, { kind: 'method', name: 'place' }],
    [undefined, { kind: 'field', name: 'place' }],
    [Orders, { kind: 'class', name: 'Orders' }],
    [Orders],
    [async () => {}],
  ];
  for (const decorate of [database.Transactional, Transactional, Database.transaction]) {
    for (const given of calls) {
      expect(refusal(() => (decorate as (...args: unknown[]) => unknown)(...given))).toMatchObject({
        message: expect.stringContaining('without parentheses') as string,
        remedy: expect.stringContaining('Write @Transactional()') as string,
      });
    }
  }
});

it('an unknown option of push names push and the queue', async () => {
  const jobs = createJobs(database, { queues });
  await expect(jobs.queues.invoice.push(undefined, { dealy: 1 } as never)).rejects.toThrow(
    'push to queue "invoice" has no option "dealy"',
  );
  await jobs.close();
});
