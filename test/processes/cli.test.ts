import { type ChildProcess, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { idempotencyTablesSql } from '../../src/ports/idempotency/index.ts';
import { createOutboxTables, outboxTablesSql } from '../../src/outbox/index.ts';
import { sagaTablesSql } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { redisKeys, redisUrl, whenReached } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { book, openShop, type Settings } from './programs/shop-jobs.ts';

const server = useTestDatabase('create table booked (order_id int not null)');
const program = fileURLToPath(new URL('../../src/cli/sluice/main.ts', import.meta.url));
const exportedJobs = fileURLToPath(new URL('programs/exported-jobs.ts', import.meta.url));
const children: ChildProcess[] = [];
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const close of closing.splice(0)) await close();
});

function sluice(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 20_000 });
}

describe('sluice relay', () => {
  it('relays what other processes have committed until it is stopped', { timeout: 60_000 }, async () => {
    if (!(await whenReached('Redis'))) return;
    const scope = `cli_${process.pid}`;
    const settings: Settings = { engine: 'bullmq', url: server.url, redisUrl, redisPrefix: redisKeys(scope), scope };
    // A program that pushes and works, but does not relay.
    const { database, jobs } = await openShop(settings, 4, false);
    closing.push(async () => {
      await jobs.close({ timeout: 1_000 });
      await database.close({ timeout: 1_000 });
    });
    await createOutboxTables(database.current);
    jobs.worker().handle(book, async ({ orderId }) => {
      await database.current.query('insert into booked (order_id) values ($1)', [orderId]);
    });
    for (let orderId = 1; orderId <= 20; orderId += 1)
      await database.transaction(() => jobs.queues.book.push({ orderId }));
    expect(await server.sql('select 1 from sluice_outbox')).toHaveLength(20);
    const env = { ...process.env, SHOP_SETTINGS: JSON.stringify(settings) };
    const child = spawn(process.execPath, [program, 'relay', '--jobs', exportedJobs], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    const said = text(child.stderr);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await until('all are booked', async () => (await server.sql('select 1 from booked')).length === 20, 20_000);
    expect(await server.sql('select 1 from sluice_outbox')).toEqual([]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(await said).toMatch(/Relaying\..*SIGTERM/s);
  });

  it.each([
    [
      'a module that exports no jobs',
      fileURLToPath(new URL('../support/settled.ts', import.meta.url)),
      /exports no jobs/,
    ],
    ['a module that is not there', '/nowhere/jobs.js', /^There is no module \/nowhere\/jobs\.js\. Give --jobs/],
  ])('is an error with %s', (_name, module, message) => {
    const { status, stderr } = sluice('relay', '--jobs', module);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('sluice outbox-sql', () => {
  it('prints the SQL that creates the tables', async () => {
    const { status, stdout } = sluice('outbox-sql');
    expect(status).toBe(0);
    expect(stdout.trim()).toBe(outboxTablesSql('postgres').trim());
    await server.sql(stdout);
    await server.sql('select * from sluice_outbox, sluice_inbox');
  });

  it('refuses an engine that has none', () => {
    const { status, stderr } = sluice('outbox-sql', '--dialect', 'oracle');
    expect(status).toBe(1);
    expect(stderr).toContain('postgres');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('sluice saga-sql', () => {
  it('prints the SQL that creates the tables', async () => {
    const { status, stdout } = sluice('saga-sql');
    expect(status).toBe(0);
    await server.sql(stdout);
    await server.sql('select * from sluice_saga, sluice_saga_signal, sluice_saga_step, sluice_saga_fence');
  });

  it('takes the name of an engine', () => {
    expect(sluice('saga-sql', '--dialect', 'mysql').stdout.trim()).toBe(sagaTablesSql('mysql').trim());
  });
});

describe('sluice idempotency-sql', () => {
  it('prints the SQL that creates the table', async () => {
    const { status, stdout } = sluice('idempotency-sql');
    expect(status).toBe(0);
    await server.sql(stdout);
    await server.sql('select * from sluice_idempotency');
  });

  it.each(['mysql', 'sqlite'])('takes the name of %s', (dialect) => {
    expect(sluice('idempotency-sql', '--dialect', dialect).stdout.trim()).toBe(idempotencyTablesSql(dialect).trim());
  });

  it('refuses an engine that has none', () => {
    const { status, stderr } = sluice('idempotency-sql', '--dialect', 'oracle');
    expect(status).toBe(1);
    expect(stderr).toContain('postgres');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('sluice', () => {
  it.each([[[]], [['relay']], [['relay', 'x', '--jobs', 'y']], [['outbox-sql', '--dialekt', 'x']], [['nope']]])(
    'answers %j with its usage',
    (args) => {
      const { status, stderr } = sluice(...args);
      expect(status).toBe(2);
      expect(stderr).toContain('Usage');
    },
  );

  it('tells its usage when it is asked', () => {
    const { status, stdout } = sluice('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('sluice relay --jobs');
  });
});
