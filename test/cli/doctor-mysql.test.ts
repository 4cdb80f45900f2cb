import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examineServer } from '../../src/cli/sluice/doctor/examine.ts';
import type { Finding, Settings } from '../../src/cli/sluice/doctor/finding.ts';
import { mysqlChecks } from '../../src/cli/sluice/doctor/mysql/index.ts';
import { outboxTablesSql } from '../../src/outbox/index.ts';
import { describeWith, mariadbUrl } from '../support/servers.ts';

const name = `sluice_doctor_${randomBytes(4).toString('hex')}`;
const usual: Settings = { processes: 1, budget: 14, timeout: 5_000, now: Date.now };

await describeWith('MariaDB', 'doctor on MariaDB', () => {
  let admin: mysql.Connection;
  beforeAll(async () => {
    admin = await mysql.createConnection({ uri: mariadbUrl, multipleStatements: true });
    await admin.query(`create database ${name}`);
    await admin.query(`create user ${name}@'%' identified by 'canary'; grant all on ${name}.* to ${name}@'%'`);
  });
  afterAll(async () => {
    await admin.query(`drop database if exists ${name}; drop user if exists ${name}@'%'`);
    await admin.end();
  });

  async function look(url: string, settings: Partial<Settings> = {}): Promise<readonly Finding[]> {
    return (await examineServer({ kind: 'mysql', url }, { ...usual, ...settings }, () => {})).findings;
  }
  function own(user?: string): string {
    const url = new URL(mariadbUrl);
    url.pathname = `/${name}`;
    if (user !== undefined) [url.username, url.password] = [user, 'canary'];
    return url.href;
  }

  it('finds nothing in a right set-up', async () => {
    expect(await look(own())).toEqual([]);
  });

  it('finds budgets that there is no room for, and a limit of the user', async () => {
    expect(await look(own(), { processes: 1_000 })).toMatchObject([
      {
        code: 'CONNECTIONS_SHORT',
        severity: 'error',
        what: expect.stringMatching(/^1,000 processes with a budget of 14 may open 14,000 connections/),
      },
    ]);
    await admin.query(`alter user ${name}@'%' with max_user_connections 13`);
    const findings = await look(own(name));
    await admin.query(`alter user ${name}@'%' with max_user_connections 0`);
    expect(findings.map(({ code }) => code)).toContain('CONNECTIONS_SHORT');
  });

  it('finds a user who may not see locks', async () => {
    const findings = await look(own(name));
    expect(findings).toMatchObject([{ code: 'LOCKS_HIDDEN', severity: 'note' }]);
    expect(JSON.stringify(findings)).not.toContain('canary');
  });

  it('finds a clock that is off', async () => {
    expect(await look(own(), { now: () => Date.now() - 90_000 })).toMatchObject([
      { code: 'CLOCK_OFFSET', what: expect.stringContaining('90 s ahead of') },
    ]);
  });

  it('finds an outbox that nothing empties, parked messages, and tables of another version', async () => {
    await admin.query(`use ${name}; ${outboxTablesSql('mysql')}`);
    expect(await look(own())).toEqual([]);
    const columns = 'channel, job_id, queue, payload, context, available_at';
    await admin.query(
      `insert into sluice_outbox (${columns}) values ('c', 'j', 'q', 'p', '{}', now() - interval 3 hour);
       insert into sluice_outbox (${columns}, parked_at) values ('c', 'j', 'q', 'p', '{}', now(), now())`,
    );
    expect(await look(own())).toMatchObject([
      { code: 'OUTBOX_STALE', what: '1 message waits in the outbox, the oldest for 3 h' },
      { code: 'OUTBOX_PARKED', what: '1 message was parked after too many failed deliveries' },
    ]);
    await admin.query('drop table sluice_relay');
    expect(await look(own())).toMatchObject([
      { code: 'OUTBOX_OUTDATED', what: expect.stringContaining('the table sluice_relay is missing') },
    ]);
    await admin.query('drop table sluice_outbox, sluice_inbox, sluice_started_message, sluice_parked_message');
  });

  it('says what it cannot reach', async () => {
    const findings = await look('mysql://u:canary@127.0.0.1:1/x');
    expect(findings).toMatchObject([{ code: 'SERVER_UNREACHABLE', what: expect.stringContaining('ECONNREFUSED') }]);
    const url = new URL(own(name));
    url.password = 'canary-wrong';
    expect(JSON.stringify(await look(url.href))).not.toContain('canary');
  });

  // What is a setting of the whole server is not changed here: other tests run on it.
  it.each([
    ['isolation', [{ level: 'READ-UNCOMMITTED' }], 'ISOLATION_DEFAULT'],
    ['isolation', [{ level: 'SERIALIZABLE' }], 'ISOLATION_DEFAULT'],
    ['isolation', [{ level: 'READ-COMMITTED' }], undefined],
    ['read-only', [{ readOnly: 1 }], 'SERVER_READ_ONLY'],
    ['read-only', [{ readOnly: 'NO_LOCK' }], 'SERVER_READ_ONLY'],
    ['replicas', [{ Slave_IO_Running: 'Yes', Slave_SQL_Running: 'No' }], 'REPLICA_STOPPED'],
    ['replicas', [{ Slave_IO_Running: 'Yes', Slave_SQL_Running: 'Yes', Seconds_Behind_Master: 60 }], 'REPLICA_DELAYED'],
    ['replicas', [{ Slave_IO_Running: 'Yes', Slave_SQL_Running: 'Yes', Seconds_Behind_Master: 0 }], undefined],
  ])('what the server may say of %s: %j', async (check, rows, code) => {
    const server = {
      kind: 'mysql',
      product: 'MariaDB 11.0',
      settings: usual,
      pooler: undefined,
      poolerPrepares: undefined,
    } as const;
    const findings = await mysqlChecks
      .find(({ name: each }) => each === check)
      ?.look({ ...server, ask: async () => rows as never });
    expect(findings?.map((each) => each.code)).toEqual(code === undefined ? [] : [code]);
  });
});
