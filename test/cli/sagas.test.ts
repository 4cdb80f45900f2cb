import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database } from '../../src/index.ts';
import { mysql as mysqlClient } from '../../src/drivers/mysql/index.ts';
import { cancelSaga, createSagas, createSagaTables, defineSaga, findSaga, resumeSaga } from '../../src/saga/index.ts';
import { UsageError } from '../../src/cli/sluice/command-line/command.ts';
import { readArguments } from '../../src/cli/sluice/command-line/read-arguments.ts';
import { commands } from '../../src/cli/sluice/commands.ts';
import { sagaReport } from '../../src/cli/sluice/sagas/report.ts';
import type { Style } from '../../src/cli/sluice/terminal/style.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, mariadbUrl } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';
import { type Run, sluice } from './run-sluice.ts';

const server = useTestDatabase();
const quick = { pollInterval: 20, retryDelay: 10, lease: 2_000, attempts: 1 } as const;
const limit = 60_000;

/** Compensations fail until it is mended. */
let isMended = false;
const order = defineSaga('order', async (saga, input: { fails: boolean }) => {
  await saga.step('reserve', () => 1, {
    compensate: () => {
      if (!isMended) throw new Error(`the stock\n\u001B[31m is ${'far '.repeat(100)}away`);
    },
  });
  if (input.fails) throw new Error('declined');
  await saga.waitFor('approval');
});

/** One that waits, and one that is stuck, driven in this process. */
async function driven(database: Database<'default'>) {
  isMended = false;
  const sagas = createSagas(database, { sagas: { order }, ...quick });
  onTestFinished(() => sagas.stop({ timeout: 1_000 }));
  sagas.start();
  const waits = await sagas.order.start({ fails: false }, { id: 'waits' });
  const stuck = await sagas.order.start({ fails: true }, { id: 'stuck' });
  await until('one waits', async () => (await waits.status()).status === 'waiting');
  await until('one is stuck', async () => (await stuck.status()).status === 'stuck');
  return { waits, stuck };
}

/** Runs the command here. */
async function parsed(...args: string[]): Promise<unknown> {
  const request = readArguments(args, commands);
  return request.type === 'run' ? await request.command.run(request.given) : undefined;
}

/** The cells of a table. */
function cells({ stdout }: Run): string[][] {
  const lines = stdout.trimEnd().split('\n');
  return lines.map((line) => line.split(/ {2,}/));
}

describe('sagas on PostgreSQL', () => {
  const sagas = (...args: string[]): Promise<Run> => sluice(['sagas', ...args], { env: { DATABASE_URL: server.url } });
  let database: Database<'default'>;
  const open = async (): Promise<void> => {
    database = server.open();
    await createSagaTables(database.current);
    await server.sql('delete from sluice_saga; delete from sluice_saga_step; delete from sluice_saga_fence');
  };

  it('says what to do where there are no tables', { timeout: limit }, async () => {
    const { code, stderr } = await sagas('list');
    expect([code, stderr]).toEqual([1, expect.stringContaining('npx sluice saga-sql')]);
  });

  it('lists and shows them', { timeout: limit }, async () => {
    await open();
    expect(await sagas('list')).toEqual({ code: 0, stdout: 'There are no such sagas.\n', stderr: '' });
    await driven(database);
    const all = await sagas('list');
    expect(all).toMatchObject({ code: 0, stderr: '' });
    expect(cells(all)).toEqual([
      ['SAGA', 'ID', 'STATUS', 'WAITS FOR', 'AGE', 'LAST ERROR'],
      ['order', 'waits', 'waiting', 'approval', expect.stringMatching(/^\d+ m?s$/), '-'],
      ['order', 'stuck', 'stuck', '-', expect.stringMatching(/^\d+ m?s$/), expect.stringMatching(/^Error: the stock /)],
    ]);
    // What was thrown is cut, and cannot reach the terminal's settings.
    expect(all.stdout).not.toContain('\u001B');
    expect(cells(all)[2]?.[5]).toHaveLength(100);
    expect(cells(await sagas('list', '--status', 'stuck')).map(([, id]) => id)).toEqual(['ID', 'stuck']);
    expect((await sagas('list', '--saga', 'another')).stdout).toBe('There are no such sagas.\n');
    const some = await sagas('list', '--limit', '1');
    expect(cells(some).map(([, id]) => id)).toEqual(['ID', 'waits']);
    expect(some).toMatchObject({ code: 0, stderr: expect.stringContaining('There are more') });

    const { code, stdout } = await sagas('show', 'order', 'stuck');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^order stuck\n {2}status {11}stuck\n {2}version {10}1\n {2}last step {8}reserve\n {2}last error {7}Error: the stock /,
    );
    expect(stdout).toMatch(/\n {2}last step {8}reserve\n/);
    expect(stdout).toMatch(/Steps on this client\n {2}done {4}\d{4}-\S+Z {2}reserve\n$/);
  });

  it('shows sleeps and children', () => {
    const [at, end] = [new Date(0), new Date(1_000)];
    const info = { saga: 'shop', id: 's', version: 1, status: 'waiting', waitsFor: ['cool\u001B[31m down'] } as const;
    const times = { createdAt: at, wakesAt: end, endedAt: undefined };
    const waits = [
      { name: 'cool\u001B[31m down', until: end, endedAt: undefined },
      { name: 'approval', until: undefined, endedAt: at },
    ];
    const children = [
      { name: 'wrap', saga: 'gift', id: 's/wrap', status: 'stuck', createdAt: at, endedAt: undefined },
    ] as const;
    const found = {
      ...info,
      ...times,
      lastStep: undefined,
      lastError: undefined,
      attempts: 0,
      steps: [],
      waits,
      children,
    };
    const report = sagaReport(found, { strong: (text) => text } as Style);
    expect(report.split('\n').slice(-5)).toEqual([
      'Sleeps and waits',
      expect.stringMatching(/^ {2}until 1970-01-01T00:00:01.000Z {2}cool.* down$/),
      '  ended 1970-01-01T00:00:00.000Z  approval',
      'Children',
      '  stuck         1970-01-01T00:00:00.000Z  wrap: gift s/wrap',
    ]);
    expect(report).not.toContain('\u001B');
  });

  it('lets one go on, and cancels one', { timeout: limit }, async () => {
    await open();
    const { waits, stuck } = await driven(database);
    expect(await sagas('resume', 'order', 'waits')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is not stuck'),
    });
    isMended = true;
    expect(await sagas('resume', 'order', 'stuck')).toEqual({ code: 0, stdout: 'order stuck goes on.\n', stderr: '' });
    expect(await rejection(stuck.result())).toMatchObject({ code: 'SAGA_FAILED' });
    expect(await sagas('cancel', 'order', 'waits')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('cancelled'),
    });
    expect(await rejection(waits.result())).toMatchObject({ code: 'SAGA_CANCELLED' });
    for (const action of ['resume', 'cancel']) {
      const { code, stderr } = await sagas(action, 'order', 'waits');
      expect([code, stderr]).toEqual([1, expect.stringContaining('has ended already: it is cancelled')]);
    }
    for (const action of ['show', 'resume', 'cancel']) {
      const { code, stderr } = await sagas(action, 'order', 'none');
      expect([code, stderr]).toEqual([1, expect.stringContaining('There is no saga "order"')]);
    }
  });

  it('does so in the transaction that is open, as functions', async () => {
    await open();
    const { waits, stuck } = await driven(database);
    const error = new Error('roll back');
    const rolledBack = database.transaction(async () => {
      expect(await resumeSaga(database.current, 'order', 'stuck')).toBe(true);
      await cancelSaga(database.current, 'order', 'waits');
      throw error;
    });
    expect(await rejection(rolledBack)).toBe(error);
    expect((await stuck.status()).status).toBe('stuck');
    expect((await waits.status()).status).toBe('waiting');
    isMended = true;
    await database.transaction(() => resumeSaga(database.current, 'order', 'stuck'));
    await database.transaction(() => cancelSaga(database.current, 'order', 'waits'));
    expect(await rejection(stuck.result())).toMatchObject({ code: 'SAGA_FAILED' });
    expect(await rejection(waits.result())).toMatchObject({ code: 'SAGA_CANCELLED' });
    expect(await resumeSaga(database.current, 'order', 'stuck').catch(({ code }) => code as string)).toBe(
      'SAGA_FINISHED',
    );
  });

  it.each([
    [[], 'needs list|show|resume|cancel'],
    [['go'], 'takes list, show, resume or cancel'],
    [['constructor', 'a', 'b'], 'takes list, show, resume or cancel'],
    [['list', 'order'], 'takes nothing but options'],
    [['show', 'order'], 'needs SAGA ID'],
    [['cancel', 'order', '1', '--status', 'stuck'], 'takes no --status'],
    [['list', '--limit', '0'], '--limit takes a whole number from 1 to 1000'],
    [['list', '--url', 'redis://u:canary@db'], 'A URL does not begin with'],
  ])('refuses %j', async (args, message) => {
    const error = await rejection(parsed('sagas', ...args));
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain('canary');
  });

  it('needs a server that answers, and a status that there is', { timeout: limit }, async () => {
    const odd = await sagas('list', '--status', 'odd');
    expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining('Give one of running, waiting')]);
    expect(await sluice(['sagas', 'list'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs --url <URL>'),
    });
    const { code, stderr } = await sagas('list', '--url', 'postgres://u:canary@127.0.0.1:1/x');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot be used: connect\s+ECONNREFUSED/)]);
    expect(stderr).not.toContain('canary');
  });
});

await describeWith('MariaDB', 'sagas on MariaDB', () => {
  const name = `sluice_sagas_${randomBytes(4).toString('hex')}`;
  let admin: mysql.Connection;
  beforeAll(async () => {
    admin = await mysql.createConnection(mariadbUrl);
    await admin.query(`create database ${name}`);
  });
  afterAll(async () => {
    await admin.query(`drop database ${name}`);
    await admin.end();
  });

  it('are listed, shown, resumed and cancelled', { timeout: limit }, async () => {
    const url = new URL(mariadbUrl);
    url.pathname = `/${name}`;
    const database = createDatabase({ clients: { default: mysqlClient({ uri: url.href }) } });
    onTestFinished(() => database.close({ timeout: 1_000 }));
    await createSagaTables(database.current);
    const { waits, stuck } = await driven(database);
    const sagas = (...args: string[]): Promise<Run> => sluice(['sagas', ...args, '--url', url.href]);
    expect(cells(await sagas('list')).map((row) => row.slice(0, 4))).toEqual([
      ['SAGA', 'ID', 'STATUS', 'WAITS FOR'],
      ['order', 'waits', 'waiting', 'approval'],
      ['order', 'stuck', 'stuck', '-'],
    ]);
    expect(await sagas('show', 'order', 'waits')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('reserve'),
    });
    isMended = true;
    expect(await sagas('resume', 'order', 'stuck')).toMatchObject({ code: 0, stderr: '' });
    expect(await sagas('cancel', 'order', 'waits')).toMatchObject({ code: 0, stderr: '' });
    expect(await rejection(stuck.result())).toMatchObject({ code: 'SAGA_FAILED' });
    expect(await rejection(waits.result())).toMatchObject({ code: 'SAGA_CANCELLED' });
    expect(await findSaga(database.current, 'order', 'waits')).toMatchObject({ status: 'cancelled' });
  });
});
