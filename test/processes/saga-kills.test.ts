// Checkouts over PostgreSQL, MariaDB and Redis whose processes are killed at any time: each step takes effect once, and is undone once
// where its saga does not complete. A step whose effects are beside its transaction is found.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { createSagaTables, forgetEndedSagas, sagaCounts } from '../../src/saga/index.ts';
import { mariadbEngine } from '../support/engines/mariadb.ts';
import { useTestDatabase } from '../support/database.ts';
import { redisKeys, redisUrl, whenReached } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { openCheckout, type Servers } from './programs/checkout-saga.ts';

const many = Number(process.env['SLUICE_SAGA_KILLS'] ?? 12);
/** So many find the fault of the control each time. */
const enough = 24;
/** Of a machine that does much else. */
const timeout = 60_000 + Math.max(many, enough) * 5_000;
const ledgerTable =
  'create table ledger (number serial primary key, saga int not null, step varchar(20), act varchar(20))';

const areHere = (await whenReached('MariaDB')) && (await whenReached('Redis'));
const server = useTestDatabase(ledgerTable);
const payments = mariadbEngine.server();
const redisPrefix = redisKeys('saga-kills');
beforeAll(async () => {
  if (!areHere) return;
  await payments.start();
  await payments.sql(ledgerTable);
});
afterAll(async () => {
  if (areHere) await payments.drop();
});
const serversFor = (isBroken: boolean): Servers => ({
  postgresUrl: server.url,
  mariadbUrl: payments.url,
  redisUrl,
  redisPrefix: `${redisPrefix}-${isBroken}`,
  max: 4,
  isBroken,
});
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a process that drives sagas. */
async function start(servers: Servers): Promise<ChildProcess> {
  const path = fileURLToPath(new URL('programs/checkout-saga.ts', import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(servers)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error('a process ended before it was ready')));
  });
  return child;
}

interface Row {
  readonly saga: number;
  readonly step: string;
  readonly act: string;
}

let orders = 0;
let toldBefore = 0;

/** Runs checkouts while their processes are killed. @returns those whose effects are wrong */
async function wrongOnes(isBroken: boolean, kills: number): Promise<readonly string[]> {
  const servers = serversFor(isBroken);
  const { database, sagas, jobs } = openCheckout(servers);
  await createOutboxTables(database.current);
  await createSagaTables(database.current);
  await createSagaTables(database.getDb({ clientName: 'payments' }));
  const before = orders;
  const drive = async (share: number): Promise<void> => {
    for (let killed = 0; killed < share; killed += 1) {
      const worker = await start(servers);
      const ids = Array.from({ length: 3 }, () => (orders += 1));
      await Promise.all(ids.map((id) => sagas.checkout.start({ id }, { id: `${id}` })));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      children.delete(worker);
      worker.kill('SIGKILL');
    }
  };
  await Promise.all([drive(kills / 2), drive(kills / 2)]);
  const last = await start(servers);
  /** All that is left to one process, which may be much. */
  const patience = 60_000 + 1_000 * kills;
  await until(
    'all sagas have ended',
    async () => {
      const counts = await sagaCounts(database.current);
      return counts.every(({ status }) => status === 'completed' || status === 'failed');
    },
    patience,
  );
  const ended = Array.from({ length: orders - before }, (_, at) => before + at + 1);
  const told = async (): Promise<number> => (await server.sql("select 1 from ledger where step = 'notify'")).length;
  const due = (toldBefore += ended.filter((id) => id % 3 !== 0).length);
  await until('each customer is told', async () => (await told()) >= due, patience);
  const left = async (): Promise<number> => {
    const { waiting, active, delayed } = await jobs.queues.notify.admin.counts();
    return waiting + active + delayed + (await server.sql('select 1 from sluice_outbox')).length;
  };
  await until('no job is left', async () => (await left()) === 0, patience);
  children.delete(last);
  last.kill('SIGKILL');
  await sagas.stop();
  await jobs.close();
  await database.close();
  const rows = [...(await server.sql<Row>('select saga, step, act from ledger order by number'))];
  rows.push(...((await payments.sql('select saga, step, act from ledger order by number')) as unknown as Row[]));
  return ended.flatMap((id) => {
    const acts = rows.filter(({ saga }) => saga === id).map(({ step, act }) => `${step} ${act}`);
    const wanted =
      id % 3 === 0
        ? ['pay do', 'pay undo', 'reserve do', 'reserve undo']
        : ['confirm do', 'notify do', 'pay do', 'reserve do'];
    const [found, expected] = [acts.toSorted().join(), wanted.join()];
    return found === expected ? [] : [`${id}: ${found}`];
  });
}

describe.skipIf(!areHere)('a process that deletes sagas', () => {
  it('and is killed between two clients leaves what the next one finds', { timeout: 60_000 }, async () => {
    const servers = serversFor(false);
    const { database, sagas, jobs } = openCheckout(servers);
    await createOutboxTables(database.current);
    await createSagaTables(database.current);
    await createSagaTables(database.getDb({ clientName: 'payments' }));
    orders += 1;
    const id = `${orders}`;
    await sagas.checkout.run({ id: orders }, { id });
    await sagas.stop();
    const count = async ({ sql }: Pick<typeof payments, 'sql'>, table: string): Promise<number> =>
      (await sql(`select 1 from ${table} where id = '${id}'`)).length;
    const away = (): Promise<number> => count(payments, 'sluice_saga_step');
    expect(await away()).toBe(1);
    // It comes to what the saga has at home, and waits there.
    await database.transaction(async () => {
      await database.query('select 1 from sluice_saga_step where id = $1 for update', [id]);
      const forgets = await start({ ...servers, forgets: true });
      await until('the records on the other client are gone', async () => (await away()) === 0);
      children.delete(forgets);
      const ended = once(forgets, 'exit');
      forgets.kill('SIGKILL');
      await ended;
    });
    expect(await count(server, 'sluice_saga')).toBe(1);
    expect(await count(server, 'sluice_saga_step')).toBeGreaterThan(0);
    // The server finds out that its client is gone when it answers.
    await until('it is deleted', async () => (await forgetEndedSagas(database, { olderThan: 0 })) === 1);
    for (const table of ['sluice_saga', 'sluice_saga_step', 'sluice_saga_fence']) {
      expect([await count(server, table), await count(payments, table)]).toEqual([0, 0]);
    }
    await jobs.close();
    await database.close();
  });
});

describe.skipIf(!areHere)('checkouts whose processes are killed', () => {
  it(`are completed or undone, once: ${many} kills`, { timeout }, async () => {
    expect(await wrongOnes(false, many)).toEqual([]);
  });

  it('are found wrong where effects are beside the transaction of their step', { timeout }, async () => {
    expect((await wrongOnes(true, enough)).length).toBeGreaterThan(0);
  });
});
