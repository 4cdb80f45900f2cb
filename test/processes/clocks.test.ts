import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { redisKeys, redisUrl, whenReached } from '../support/servers.ts';
import { charge, openShop, type Settings } from './programs/shop-jobs.ts';

const server = useTestDatabase(
  'create table payment (order_id int not null)',
  'create table placed (order_id int not null)',
);
const program = fileURLToPath(new URL('programs/skewed-pusher.ts', import.meta.url));
const hour = 3_600_000;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe.each<Settings['engine']>(['pg-boss', 'bullmq'])('clocks an hour apart on %s', (engine) => {
  it.each([
    ['ahead', hour],
    ['behind', -hour],
  ])('a job is neither late nor without a limit: the pusher is %s', { timeout: 60_000 }, async (name, offset) => {
    if (!(await whenReached(engine === 'bullmq' ? 'Redis' : undefined))) return;
    const scope = `clocks_${process.pid}_${name}`;
    const settings: Settings = { engine, url: server.url, redisUrl, redisPrefix: redisKeys(scope), scope };
    const { database, jobs } = await openShop(settings);
    closing.push(async () => {
      await jobs.close({ timeout: 1_000 });
      await database.close({ timeout: 1_000 });
    });
    await createOutboxTables(database.current);
    const { currentContext } = await import('../../src/index.ts');
    const remaining: number[] = [];
    jobs.worker().handle(charge, async () => {
      remaining.push(currentContext().remaining ?? Number.POSITIVE_INFINITY);
      await database.current.query('insert into payment (order_id) values (1)');
      return 'paid';
    });
    const child = spawn(process.execPath, [program, JSON.stringify(settings), String(offset)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(await text(child.stdout)).toBe('paid');
    expect(remaining).toHaveLength(1);
    expect(remaining[0]).toBeLessThanOrEqual(20_000);
    expect(remaining[0]).toBeGreaterThan(0);
  });
});
