import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startPostgres } from '../../scripts/embedded-postgres.mjs';
import { openBench } from '../../src/cli/sluice/verify/bench/open-bench.ts';
import { dropStatement } from '../../src/cli/sluice/verify/bench/schema.ts';
import { isolation } from '../../src/cli/sluice/verify/topics/isolation.ts';
import { isSound, type Result } from '../../src/cli/sluice/verify/report.ts';
import { verify, type VerifyOptions } from '../../src/cli/sluice/verify/run.ts';
import { useTestDatabase } from '../support/database.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { freePort } from '../support/redis-server.ts';
import { describeWith, mariadbUrl } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { startStandby } from '../support/streaming-standby.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { sluice, startSluice } from './run-sluice.ts';

const server = useTestDatabase();
/** In milliseconds: what a run promises. */
const bound = 60_000;
const newName = (): string => `sluice_verify_${randomBytes(4).toString('hex')}`;

async function run(url: string, options: Partial<VerifyOptions> = {}): Promise<Result> {
  const kind = url.startsWith('mysql') ? 'mysql' : 'postgres';
  const result = await verify({
    address: { kind, url },
    schema: newName(),
    timeout: bound,
    signal: new AbortController().signal,
    tell: () => {},
    ...options,
  });
  expect(result.milliseconds).toBeLessThan(bound);
  return result;
}

/** The rows that do not hold, with their verdicts; what is not sound has a `!`. */
function exceptionsOf({ sections }: Result): Record<string, string> {
  const rows = sections.flatMap((section) => section.rows);
  return Object.fromEntries(
    rows
      .filter(({ verdict }) => verdict !== 'holds')
      .map(({ name, verdict, required }) => [name, `${verdict}${required ? '!' : ''}`]),
  );
}
function meaningOf({ sections }: Result, name: string): string {
  return sections.flatMap(({ rows }) => rows).find((row) => row.name === name)?.meaning ?? '';
}
const countOf = ({ sections }: Result): number => sections.flatMap(({ rows }) => rows).length;

/** What a session of the server's tests sees of schemas of this command. */
async function schemas(): Promise<unknown[]> {
  return await server.sql("select nspname from pg_namespace where nspname like 'sluice_verify%'");
}

const committed = 'non-repeatable read, phantom, lost update, write skew';
const levelsOfPostgres = {
  'READ UNCOMMITTED': `Keeps out dirty read; lets through ${committed}`,
  'READ COMMITTED': `Keeps out dirty read; lets through ${committed}`,
  'REPEATABLE READ': 'Keeps out dirty read, non-repeatable read, phantom, lost update; lets through write skew',
  SNAPSHOT: 'Keeps out dirty read, non-repeatable read, phantom, lost update; lets through write skew',
  SERIALIZABLE: 'Keeps out all five',
};

function expectAllHolds(result: Result): void {
  expect(exceptionsOf(result)).toEqual({});
  for (const [level, meaning] of Object.entries(levelsOfPostgres)) expect(meaningOf(result, level)).toBe(meaning);
  expect(meaningOf(result, 'BEGIN with the first statement')).toContain('took 4 round trips');
  expect(countOf(result)).toBe(23);
}

/** What sessions have left on the backends of a pooler, of which each client here holds one. */
async function leftOnBackends(url: string, count: number): Promise<object> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url }));
  const sums = { channels: 0, prepared: 0, locks: 0 };
  for (const client of clients) {
    await client.connect();
    await client.query('begin');
    const { rows } = await client.query<typeof sums>(`select
      (select count(*)::int from pg_listening_channels()) as channels,
      (select count(*)::int from pg_prepared_statements) as prepared,
      (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`);
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += rows[0]?.[name] ?? 0;
  }
  await Promise.all(clients.map((client) => client.end()));
  return sums;
}

describe('verify on PostgreSQL', () => {
  it('all holds, and nothing is left of it', { timeout: bound }, async () => {
    expectAllHolds(await run(server.url));
    expect(await schemas()).toEqual([]);
    // Of the program's own tables nothing was touched.
    expect(await server.sql('select from product')).toEqual([]);
  });

  it('all holds on another version', { timeout: 2 * bound }, async () => {
    const embedded = await startPostgres();
    try {
      expectAllHolds(await run(embedded.url));
    } finally {
      await embedded.stop();
    }
  });

  const behindTransactions = {
    'prepared statements': 'doesNotHold',
    'deadlock along a chain': 'doesNotHold',
    'lock of a session': 'doesNotHold',
    'LISTEN and NOTIFY': 'doesNotHold',
    'its outcome with resolveCommit': 'notApplicable',
  };
  it.each([
    ['session', { 'deadlock along a chain': 'doesNotHold', 'its outcome with resolveCommit': 'notApplicable' }],
    ['transaction', behindTransactions],
  ] as const)('behind PgBouncer in %s mode', { timeout: bound }, async (mode, exceptions) => {
    if (!hasPgBouncer()) return;
    const pooler = await startPgBouncer(server.url, { mode, poolSize: 10 });
    try {
      const result = await run(pooler.url);
      expect(exceptionsOf(result)).toEqual(exceptions);
      expect(isSound(result)).toBe(true);
      expect(result.facts.join()).toMatch(new RegExp(`behind PgBouncer [\\d.]+ in ${mode} mode`));
      expect(meaningOf(result, 'deadlock along a chain')).toContain('give transactions a timeout');
      if (mode === 'transaction') expect(meaningOf(result, 'LISTEN and NOTIFY')).toContain('jobs poll');
      for (const [level, meaning] of Object.entries(levelsOfPostgres)) expect(meaningOf(result, level)).toBe(meaning);
      expect(await schemas()).toEqual([]);
      expect(await leftOnBackends(pooler.url, 10)).toEqual({ channels: 0, prepared: 0, locks: 0 });
    } finally {
      await pooler.stop();
    }
  });

  it('with PGlite, which has one session', { timeout: bound }, async () => {
    for (const maxConnections of [1, 10]) {
      const port = await freePort();
      const socket = new PGLiteSocketServer({ db: await PGlite.create(), port, host: '127.0.0.1', maxConnections });
      await socket.start();
      try {
        const result = await run(`postgres://postgres:canary@127.0.0.1:${port}/postgres`);
        const needing = Object.entries(exceptionsOf(result));
        expect(needing).toHaveLength(13);
        expect(new Set(needing.map(([, verdict]) => verdict))).toEqual(new Set(['notApplicable']));
        expect(meaningOf(result, 'REQUIRES_NEW')).toContain('one session');
        expect(isSound(result)).toBe(true);
      } finally {
        await socket.stop();
      }
    }
  });
});

/** What can be tried without writing: all but the isolation levels, and the outcome of a COMMIT. */
const withoutTables = {
  'READ UNCOMMITTED': 'notApplicable',
  'READ COMMITTED': 'notApplicable',
  'REPEATABLE READ': 'notApplicable',
  SNAPSHOT: 'notApplicable',
  SERIALIZABLE: 'notApplicable',
  'COMMIT without an answer': 'notApplicable',
  'its outcome found later': 'notApplicable',
  'its outcome with resolveCommit': 'notApplicable',
};

describe('verify where nothing can be written', () => {
  const role = newName();
  const database = new URL(server.url).pathname.slice(1);
  beforeAll(async () => {
    await server.sql(`create role ${role} login password 'canary'`);
  });
  afterAll(async () => {
    await server.sql(`drop role ${role}`);
  });
  const asRole = (): string => {
    const url = new URL(server.url);
    url.username = role;
    url.password = 'canary';
    return url.href;
  };

  it('a user who may not create: the rest is looked into, and the privilege named', { timeout: bound }, async () => {
    const result = await run(asRole());
    expect(exceptionsOf(result)).toEqual(withoutTables);
    expect(meaningOf(result, 'SERIALIZABLE')).toBe('This user may not create a schema: GRANT CREATE ON DATABASE');
    expect(isSound(result)).toBe(true);
    expect(result.remarks).toEqual([]);
    await server.sql(`grant create on database ${database} to ${role}`);
    expect(exceptionsOf(await run(asRole()))).toEqual({});
    await server.sql(`revoke create on database ${database} from ${role}`);
  });

  it('a user with too few connections: what they are missing for is not checked', { timeout: bound }, async () => {
    await server.sql(`alter role ${role} connection limit 3`);
    const result = await run(asRole());
    await server.sql(`alter role ${role} connection limit -1`);
    expect(exceptionsOf(result)).toMatchObject({ 'lock detection': 'notChecked' });
    expect(exceptionsOf(result)).not.toHaveProperty('deadlock along a chain');
    expect(meaningOf(result, 'lock detection')).toContain('too many connections for role');
  });

  it('a user whose transactions are read-only', { timeout: bound }, async () => {
    await server.sql(`alter role ${role} set default_transaction_read_only = on`);
    const result = await run(asRole());
    await server.sql(`alter role ${role} reset all`);
    expect(exceptionsOf(result)).toEqual(withoutTables);
    expect(result.facts).toContain('read-only');
    expect(meaningOf(result, 'SERIALIZABLE')).toContain('takes no writes');
  });

  it('a standby, which has no notifications', { timeout: 3 * bound }, async () => {
    const { standby, stop } = await startStandby();
    try {
      const result = await run(standby.url);
      expect(exceptionsOf(result)).toEqual({ ...withoutTables, 'LISTEN and NOTIFY': 'doesNotHold' });
      expect(isSound(result)).toBe(true);
    } finally {
      await stop();
    }
  });
});

await describeWith('MariaDB', 'verify on MariaDB', () => {
  let admin: mysql.Connection;
  const user = newName();
  beforeAll(async () => {
    admin = await mysql.createConnection({ uri: mariadbUrl, multipleStatements: true });
    await admin.query(`create user ${user}@'%' identified by 'canary'`);
  });
  afterAll(async () => {
    await admin.query(`drop user ${user}@'%'`);
    await admin.end();
  });
  const databases = async (): Promise<unknown> => (await admin.query("show databases like 'sluice\\_verify%'"))[0];

  it('all holds that the engine has', { timeout: bound }, async () => {
    const result = await run(mariadbUrl);
    expect(exceptionsOf(result)).toEqual({
      'lock of a transaction': 'notApplicable',
      'LISTEN and NOTIFY': 'notApplicable',
    });
    expect(meaningOf(result, 'READ UNCOMMITTED')).toContain('lets through dirty read');
    expect(meaningOf(result, 'REPEATABLE READ')).toBe(
      'Keeps out dirty read, non-repeatable read, phantom; lets through lost update, write skew',
    );
    expect(meaningOf(result, 'SNAPSHOT')).toContain('lets through write skew');
    expect(meaningOf(result, 'SERIALIZABLE')).toBe('Keeps out all five');
    expect(meaningOf(result, 'BEGIN with the first statement')).toContain('took 4 round trips');
    expect(await databases()).toEqual([]);
  });

  it('a user who may nothing', { timeout: bound }, async () => {
    const url = new URL(mariadbUrl);
    [url.username, url.password, url.pathname] = [user, 'canary', '/'];
    const result = await run(url.href);
    expect(exceptionsOf(result)).toMatchObject(withoutTables);
    expect(meaningOf(result, 'SERIALIZABLE')).toContain('may not create a schema');
    expect(isSound(result)).toBe(true);
    expect(JSON.stringify(result)).not.toContain('canary');
  });

  it('a database that holds more than it made is left alone', { timeout: bound }, async () => {
    const name = newName();
    await admin.query(`create database ${name}; create table ${name}.sale (id int);
      create table ${name}.sluice_verify_mark as select now() - interval 1 day as ends_at`);
    const result = await run(mariadbUrl);
    expect(result.remarks.join()).toContain(dropStatement('mysql', name));
    expect((await admin.query(`select * from ${name}.sale`))[0]).toEqual([]);
    await admin.query(`drop database ${name}`);
  });

  it('finds anomalies that an engine lets through against its promise', { timeout: bound }, async () => {
    const address = { kind: 'mysql', url: mariadbUrl } as const;
    const { signal } = new AbortController();
    const { bench, close } = await openBench({ address, schema: newName(), timeout: bound, signal });
    // What PostgreSQL promises, MariaDB does not keep.
    const rows = await isolation.run({ ...bench, kind: 'postgres' });
    expect(await close()).toBe(true);
    expect(rows.filter(({ verdict }) => verdict === 'doesNotHold')).toMatchObject([
      { name: 'READ UNCOMMITTED', required: true, meaning: 'dirty read came about, which this level keeps out' },
      { name: 'REPEATABLE READ', required: true, meaning: 'lost update came about, which this level keeps out' },
    ]);
  });

  it('a name with odd characters', { timeout: bound }, async () => {
    const result = await run(mariadbUrl, { schema: 'sluice_verify `; drop database test; -- é"' });
    expect(isSound(result)).toBe(true);
    expect(await databases()).toEqual([]);
  });
});

describe('the schema', () => {
  it.each(['sluice_verify "; drop table product; --', "sluice_verify 'é' $1 %s", 'sluice_verify.a.b'])(
    'a name with odd characters: %s',
    { timeout: bound },
    async (schema) => {
      expectAllHolds(await run(server.url, { schema }));
      expect(await schemas()).toEqual([]);
      expect(await server.sql('select from product')).toEqual([]);
    },
  );

  it(
    'works in a database, and for a user, with odd characters in their names and password',
    { timeout: bound },
    async () => {
      const name = `${newName()} "é' %25`;
      const [quoted, password] = [pg.escapeIdentifier(name), 'canary@:/ %25?#'];
      await server.sql(`create role ${quoted} login password ${pg.escapeLiteral(password)}`);
      await server.sql(`create database ${quoted} owner ${quoted}`);
      try {
        const url = new URL(server.url);
        [url.username, url.password] = [encodeURIComponent(name), encodeURIComponent(password)];
        url.pathname = `/${encodeURIComponent(name)}`;
        const result = await run(url.href);
        expectAllHolds(result);
        expect(result.target).toContain(name);
        const doctor = await sluice(['doctor', url.href, '--json']);
        expect(doctor.stderr).toBe('');
        const { examinations } = JSON.parse(doctor.stdout) as { examinations: { kind: string; findings: unknown[] }[] };
        expect(examinations.find(({ kind }) => kind === 'postgres')?.findings).toEqual([]);
        expect(`${JSON.stringify(result)}${doctor.stdout}`).not.toContain('canary');
      } finally {
        await server.sql(`drop database ${quoted} with (force)`);
        await server.sql(`drop role ${quoted}`);
      }
    },
  );

  it('one that is there already is neither used nor dropped', async () => {
    await server.sql('create schema sluice_verify_mine; create table sluice_verify_mine.item (id int)');
    const result = await run(server.url, { schema: 'sluice_verify_mine' });
    expect(exceptionsOf(result)).toEqual({ 'the server': 'notChecked' });
    expect(meaningOf(result, 'the server')).toContain('already exists');
    expect(await server.sql('select from sluice_verify_mine.item')).toEqual([]);
    await server.sql('drop schema sluice_verify_mine cascade');
  });

  it(
    'what a killed run has left is named by the next one, and dropped once its time is over',
    { timeout: bound },
    async () => {
      const { child, run: ended } = startSluice([
        'verify',
        server.url,
        '--schema',
        'sluice_verify_killed',
        '--timeout',
        '60000',
      ]);
      await until('it is there', async () => (await schemas()).length === 1, 20_000);
      child.kill('SIGKILL');
      await ended;
      const first = await run(server.url);
      expect(first.remarks.join()).toContain(dropStatement('postgres', 'sluice_verify_killed'));
      await server.sql("update sluice_verify_killed.sluice_verify_mark set ends_at = now() - interval '1 second'");
      const second = await run(server.url);
      expect(second.remarks).toEqual([]);
      expect(await schemas()).toEqual([]);
    },
  );

  it('an empty one with such a name is named, and left alone', { timeout: bound }, async () => {
    await server.sql('create schema sluice_verify_empty');
    const { remarks } = await run(server.url);
    expect(remarks.join()).toContain(dropStatement('postgres', 'sluice_verify_empty'));
    await server.sql('drop schema sluice_verify_empty');
  });

  it('one that holds more than it made is left alone', { timeout: bound }, async () => {
    await server.sql(`create schema sluice_verify_odd; create table sluice_verify_odd.sale (id int);
      create table sluice_verify_odd.sluice_verify_mark as select now() - interval '1 day' as ends_at`);
    const result = await run(server.url);
    expect(result.remarks.join()).toContain('sluice_verify_odd');
    expect(await server.sql('select from sluice_verify_odd.sale')).toEqual([]);
    await server.sql('drop schema sluice_verify_odd cascade');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('is dropped on %s', { timeout: bound }, async (signal) => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const { child, run: ended } = startSluice(['verify', proxy.url]);
    await until('it is there', async () => (await schemas()).length === 1, 20_000);
    proxy.hold();
    child.kill(signal);
    // Once more while it is dropped, as where a terminal and npm both send it.
    await new Promise((resolve) => setTimeout(resolve, 30));
    child.kill(signal);
    proxy.goOn();
    const { code, stdout } = await ended;
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(stdout).toContain('The run was ended');
    expect(await schemas()).toEqual([]);
  });
});

describe('a server that does not do', () => {
  it(
    'goes away in the middle: the rest is not checked, and it is said how to drop the schema',
    { timeout: bound },
    async () => {
      const proxy = await startTcpProxy(server.url);
      const schema = newName();
      const result = await run(proxy.url, {
        schema,
        tell: (what) => {
          if (what.includes('isolation')) void proxy.close();
        },
      });
      await proxy.close().catch(() => {});
      expect(exceptionsOf(result)).toMatchObject({ isolation: 'notChecked' });
      expect(isSound(result)).toBe(false);
      expect(result.remarks).toEqual([`The schema is still there. Drop it with: DROP SCHEMA "${schema}" CASCADE`]);
      await server.sql(`drop schema ${schema} cascade`);
    },
  );

  it('answers when the time is up: the connection that comes late is closed', { timeout: bound }, async () => {
    const proxy = await startTcpProxy(server.url);
    const isOpen = async (): Promise<boolean> =>
      (await server.sql("select 1 from pg_stat_activity where application_name = 'sluice verify'")).length > 0;
    const ending = new AbortController();
    try {
      proxy.hold();
      const ended = run(proxy.url, { signal: ending.signal });
      await until('the server has let it in', isOpen, 20_000);
      ending.abort('SIGINT');
      expect(exceptionsOf(await ended)).toEqual({ 'the server': 'notChecked' });
      proxy.goOn();
      await until('it is closed', async () => !(await isOpen()), 20_000);
    } finally {
      await proxy.close();
    }
  });

  it('says nothing, or is not there', { timeout: bound }, async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await until('it listens', () => silent.listening);
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    for (const place of [`127.0.0.1:${port}`, '127.0.0.1:1']) {
      const { code, stdout, stderr } = await sluice(['verify', `postgres://u:canary@${place}/x`]);
      expect(stdout).toContain('? the server');
      expect(code).toBe(1);
      expect(`${stdout}${stderr}`).not.toContain('canary');
    }
    silent.close();
  });

  it('is too slow for its time limit', { timeout: bound }, async () => {
    const result = await run(server.url, { timeout: 400 });
    expect(Object.values(exceptionsOf(result))).toContain('notChecked');
    expect(result.remarks).toEqual([]);
    expect(await schemas()).toEqual([]);
  });
});

describe('sluice verify', () => {
  it('prints the table in 80 columns, without colours, and ends with 0', { timeout: bound }, async () => {
    const url = new URL(server.url);
    url.password = 'canary-1';
    const { code, stdout, stderr } = await sluice(['verify', url.href]);
    expect(stdout).toContain('  ✓ REQUIRED ');
    expect(stdout).toMatch(/✓ 23 rows hold\. It took [\d.]+ s\./);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(`${stdout}${stderr}`).not.toContain('canary');
    expect(`${stdout}${stderr}`).not.toContain('\u001B');
    expect([code, stderr]).toEqual([0, '']);
  });

  it('has each row on its page', { timeout: bound }, async () => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/verify.md', import.meta.url)), 'utf8');
    const { sections } = await run(server.url);
    const names = sections.flatMap(({ rows }) => rows).map(({ name }) => name);
    expect(names).toHaveLength(23);
    for (const name of names) expect(page).toContain(`\`${name}\``);
  });

  it('prints JSON for programs', { timeout: bound }, async () => {
    const { code, stdout } = await sluice(['verify', server.url, '--json']);
    const result = JSON.parse(stdout) as Result & { isSound: boolean };
    expect(result.isSound).toBe(true);
    expect(countOf(result)).toBe(23);
    expect(code).toBe(0);
  });

  it('finds what does not hold: a server that answers a COMMIT with a rollback', { timeout: bound }, async () => {
    // The bytes of COMMIT become those of an unknown command, so nothing is ever committed.
    const proxy = await startTcpProxy(server.url);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      const result = await run(proxy.url, {
        tell: (what) => {
          if (what.includes('propagation')) proxy.replaceSent('COMMIT', 'ABORT ');
        },
      });
      expect(exceptionsOf(result)).not.toEqual({});
      expect(isSound(result)).toBe(false);
    } finally {
      await client.end();
      await proxy.close();
    }
  });
});
