import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app/index.ts';
import { createCache, createChangesRelay, defineCache, MemoryStore } from '../../src/cache/index.ts';
import { RedisStore } from '../../src/cache/redis/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createContextCarrier, createDatabase, type Database, InvalidOptionError } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { createRelay } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { pgBoss } from '../../src/queue/engines/pg-boss/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { poolOfOne, rollbackEach } from '../../src/testing/index.ts';

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

  it('createJobs, whose arguments are the other way round', () => {
    expect(refusal(() => createJobs(options as never, database as never))).toMatchObject({
      message: expect.stringContaining('createJobs got an object in place of a database') as string,
      remedy: 'Write createJobs(database, options), with what createDatabase() returned',
    });
  });
});

it('an unknown option of push names push and the queue', async () => {
  const jobs = createJobs(database, { queues });
  await expect(jobs.queues.invoice.push(undefined, { dealy: 1 } as never)).rejects.toThrow(
    'push to queue "invoice" has no option "dealy"',
  );
  await jobs.close();
});
