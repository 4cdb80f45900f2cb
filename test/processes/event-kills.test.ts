import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEvents, createEventTables, defineEvent } from '../../src/events/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { postgresEngine } from '../support/engines/postgres.ts';
import { whenReached } from '../support/servers.ts';
import { until } from '../support/settled.ts';

/** Kills on each engine, a third of them at each point; 200 in all for a long run. */
const kills = Number(process.env['SLUICE_EVENT_KILLS'] ?? 12);
const points = ['in the listener', 'after the commit', 'at any moment'] as const;
const atOnce = 3;
const placed = defineEvent<number>('order.placed');
const program = fileURLToPath(new URL('programs/dying-listener.ts', import.meta.url));
const children = new Set<ChildProcess>();

/** Runs a process until it is killed; at any moment: a while after it has run a listener. @returns whether it was */
async function runAndDie(given: object, isKilledHere: boolean): Promise<boolean> {
  const child = spawn(process.execPath, [program, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  if (isKilledHere) {
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    child.kill('SIGKILL');
  }
  const [, signal] = await exited;
  children.delete(child);
  return signal === 'SIGKILL';
}

describe.each([postgresEngine, mariadbEngine])('kill -9 of durable listeners on $name', (engine) => {
  const server = engine.server();
  let database: Database<'default'>;
  let isThere = true;

  beforeAll(async () => {
    isThere = engine.name === 'postgres' || (await whenReached('MariaDB'));
    if (!isThere) return;
    await server.start();
    await server.sql('create table booked (order_id int not null)');
  });
  beforeEach(async () => {
    if (!isThere) return;
    database = createDatabase({ clients: { default: server.client({ max: 3 }) } });
    await createEventTables(database.current);
    for (const table of ['booked', 'sluice_event_publication']) await server.sql(`delete from ${table}`);
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    if (isThere) await database.close({ timeout: 1_000 });
  });
  afterAll(async () => {
    if (isThere) await server.drop();
  });

  /** Publishes orders, has processes die of them, and lets this one run the rest. @returns how often each was booked */
  async function book(
    orders: number,
    deaths: readonly (typeof points)[number][],
    isSabotaged: boolean,
  ): Promise<number[]> {
    const events = createEvents(database, { pollInterval: 20, attempts: 1_000 });
    events.on(placed, { phase: 'durable', id: 'book' }, async (order) => {
      await database.query('insert into booked (order_id) values ($1)', [order]);
    });
    await database.transaction(async () => {
      for (let order = 0; order < orders; order += 1) await events.publish(placed, order);
    });
    const left = [...deaths];
    const line = async (): Promise<void> => {
      for (let dieAt = left.pop(); dieAt !== undefined; dieAt = left.pop()) {
        const given = { engine: engine.name, url: server.url, dieAt, isSabotaged };
        expect(await runAndDie(given, dieAt === 'at any moment')).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, line));
    // Of those that died there is work left, or they would have died of nothing.
    expect((await events.incomplete()).publications.length).toBeGreaterThan(0);
    await using _running = events;
    events.start();
    await until('all are completed', async () => (await events.incomplete()).publications.length === 0, 60_000);
    const counts = Array.from({ length: orders }, () => 0);
    for (const { order_id } of await server.sql('select order_id from booked')) {
      counts[Number(order_id)] = (counts[Number(order_id)] ?? 0) + 1;
    }
    return counts;
  }

  it(`${kills} times: each listener has its effects once`, { timeout: Math.max(600_000, 10_000 * kills) }, async () => {
    if (!isThere) return;
    const deaths = Array.from({ length: kills }, (_, at) => points[at % points.length] ?? 'in the listener');
    // A process that is killed from outside books as much as it can.
    const orders = kills * 20;
    expect(await book(orders, deaths, false)).toEqual(Array.from({ length: orders }, () => 1));
  });

  it('finds a completion that is not in the transaction of the listener', { timeout: 120_000 }, async () => {
    if (!isThere) return;
    const counts = await book(20, ['after the commit', 'after the commit', 'after the commit'], true);
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });
});
