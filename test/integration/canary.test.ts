// A canary in everything that a program may hold: in no event, holder, history and error of Sluice, and in no warning.
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  channelNames,
  createDatabase,
  type Database,
  findStandstills,
  formatHolders,
  formatStandstills,
  traceNames,
} from '../../src/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { addToOutbox, createOutboxTables, createRelay } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';

const canary = 'canary-51c9';
const server = useTestDatabase();
/** What was published, as a logger prints it. */
let told: string[] = [];
const warnings: unknown[] = [];

const print = (value: unknown): string => inspect(value, { depth: 20, showHidden: true, maxArrayLength: null });
/** The errors of others are theirs: a server's, a hook's or a handler's may quote values, and is known to. */
function note(message: unknown, name: string | symbol): void {
  const { error: _, ...others } = message as { readonly error?: unknown };
  told.push(`${String(name)} ${print(others)}`);
}
const noteTrace = (message: unknown): void => void told.push(print(message));
const warned = (warning: Error): void => void warnings.push(warning);

beforeEach(() => {
  told = [];
  for (const name of Object.values(channelNames)) subscribe(name, note);
  for (const name of Object.values(traceNames)) tracingChannel(name).asyncEnd.subscribe(noteTrace);
  process.on('warning', warned);
});
afterEach(() => {
  for (const name of Object.values(channelNames)) unsubscribe(name, note);
  for (const name of Object.values(traceNames)) tracingChannel(name).asyncEnd.unsubscribe(noteTrace);
  process.off('warning', warned);
});

function openWithSecrets(options: object = {}): Database<'default'> {
  const url = new URL(server.url);
  url.password = canary;
  url.searchParams.set('application_name', canary);
  return createDatabase({ clients: { default: postgres({ connectionString: url.href, ...options }) } });
}

it('is in no event of statements, jobs, caches and the outbox', async () => {
  await using database = openWithSecrets();
  await createOutboxTables(database.current);
  const invoice = defineQueue<{ secret: string }, string>('invoice');
  const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
  jobs.worker().handle(invoice, ({ secret }) => (secret.endsWith('!') ? Promise.reject(new Error(secret)) : secret));
  const cache = createCache<string, string>(database, { name: 'products' });
  await database.transaction(async () => {
    await database.query(`select '${canary}' /* ${canary} */ -- ${canary}`);
    await database.query('select $1::text', [canary]);
    await database.query(`select E'${canary}', $tag$${canary}$tag$, U&'${canary}'`);
    await addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', key: canary, payload: { canary } }]);
    await jobs.queues.invoice.push({ secret: canary });
    await cache.set(canary, canary);
    expect(await jobs.queues.invoice.pushAsync({ secret: canary })).toBe(canary);
  });
  await rejection(jobs.queues.invoice.pushAsync({ secret: `${canary}!` }));
  await rejection(database.query(`select '${canary}'::int`));
  await createRelay(database, { channel: 'mail', deliver: () => Promise.reject(new Error(canary)) }).drain();
  await jobs.close();
  for (const name of ['sluice:job:end', 'select ?', 'sluice:connection:release', 'JobRunTrace', 'CacheTrace'])
    expect(told.join('\n')).toContain(name);
  expect(told.join('\n')).not.toContain(canary);
});

it('is in no holder, standstill and text of them', async () => {
  await using database = openWithSecrets({ max: 1, maxLevel: 0 });
  const go = signal();
  const holding = database.transaction(async () => {
    await database.query(`select $1::text as a, '${canary}'`, [canary]);
    await go.promise;
  });
  await until('it holds', () => database.stats().clients.default.oldestHolder !== undefined);
  const running = database.query(`select '${canary}', $1::text`, [canary]);
  try {
    const holders = await database.holders();
    expect(holders).toHaveLength(2);
    const standstills = findStandstills(holders, { heldAfter: 0 });
    const texts = [print(holders), print(standstills), formatHolders(holders), formatStandstills(standstills)];
    expect(texts.join('\n')).not.toContain(canary);
  } finally {
    go.fire();
    await Promise.all([holding, running]);
  }
});

it('is in no error of Sluice and no history', async () => {
  await using database = openWithSecrets({ max: 1, maxLevel: 0, acquireTimeout: 2_000 });
  const go = signal();
  const holding = database.transaction(async () => {
    await database.query(`select '${canary}', $1::text`, [canary]);
    await go.promise;
  });
  await until('it holds', () => database.stats().clients.default.oldestHolder !== undefined);
  const tooLate = await rejection(database.query(`select '${canary}', $1::text`, [canary]));
  go.fire();
  await holding;
  const cancelled = await rejection(
    database.transaction(() => database.query(`select pg_sleep(60), '${canary}', $1::text`, [canary]), {
      timeout: 100,
    }),
  );
  const nested = await rejection(
    database.transaction(async () => {
      await rejection(database.query(`select '${canary}'::int`));
      await database.query(`select '${canary}'`);
    }),
  );
  await using unreachable = createDatabase({
    clients: {
      default: postgres({ connectionString: `postgres://shop:${canary}@127.0.0.1:1/shop?sslmode=disable` }),
    },
  });
  const refused = await rejection(unreachable.query(`select '${canary}'`));
  const codes = [tooLate, cancelled, refused].map((error) => Reflect.get(error as object, 'code') as unknown);
  expect(codes).toEqual(['ACQUIRE_TIMEOUT', 'TRANSACTION_TIMEOUT', 'CONNECT_FAILED']);
  for (const error of [tooLate, cancelled, refused]) expect(print(error)).not.toContain(canary);
  expect(print(Reflect.get(nested as object, 'history'))).toContain('select ?');
  expect(print(Reflect.get(nested as object, 'history'))).not.toContain(canary);
  expect(print(warnings)).not.toContain(canary);
});
