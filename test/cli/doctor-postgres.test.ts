import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { examineServer } from '../../src/cli/sluice/doctor/examine.ts';
import type { Examination, Finding, Settings } from '../../src/cli/sluice/doctor/finding.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { until } from '../support/settled.ts';
import { startStandby, type StreamingStandby } from '../support/streaming-standby.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase();
const role = `sluice_doctor_${randomBytes(4).toString('hex')}`;
const database = new URL(server.url).pathname.slice(1);

beforeAll(async () => {
  await server.sql(`create role ${role} login password 'canary'`);
});
afterAll(async () => {
  await server.sql(`drop owned by ${role}`);
  await server.sql(`drop role ${role}`);
});
beforeEach(async () => {
  await server.sql(`alter role ${role} reset all`);
  await server.sql(`alter role ${role} connection limit -1`);
  await server.sql(`alter database ${database} reset all`);
});

const usual: Settings = { processes: 1, budget: 14, timeout: 5_000, now: Date.now };

async function examine(url = server.url, settings: Partial<Settings> = {}): Promise<Examination> {
  return await examineServer({ kind: 'postgres', url }, { ...usual, ...settings }, () => {});
}
async function look(url?: string, settings?: Partial<Settings>): Promise<readonly Finding[]> {
  return (await examine(url, settings)).findings;
}
function asRole(): string {
  const url = new URL(server.url);
  url.username = role;
  url.password = 'canary';
  return url.href;
}

/** How many connections a server has room for. */
async function roomOn(url: string): Promise<number> {
  const [finding] = await look(url, { processes: 10_000 });
  return Number(/room for (\d+)/.exec(finding?.what ?? '')?.[1]);
}
function clients(url: string, { count, ...config }: pg.ClientConfig & { readonly count: number }): pg.Client[] {
  return Array.from({ length: count }, () => new pg.Client({ connectionString: url, ...config }));
}

it('finds nothing in a right set-up', async () => {
  const { target, facts, findings } = await examine();
  expect(findings).toEqual([]);
  expect(target).toContain(database);
  expect(facts).toEqual([expect.stringMatching(/^PostgreSQL \d/)]);
});

describe('connections', () => {
  it('finds budgets that the server has no room for', async () => {
    const [finding, ...others] = await look(server.url, { processes: 100, budget: 14 });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: 'CONNECTIONS_SHORT', severity: 'error' });
    expect(finding?.what).toMatch(
      /^100 processes with a budget of 14 may open 1,400 connections, and there is room for \d+ \(max_connections is \d+/,
    );
  });

  it('counts what other users have open, for one who sees no more of them than that they are there', async () => {
    const before = await roomOn(asRole());
    const others = clients(server.url, { count: 50, application_name: 'reports' });
    try {
      await Promise.all(others.map((client) => client.connect()));
      // Other tests open and close connections at the same time.
      await until('fifty fewer are free', async () => (await roomOn(asRole())) <= before - 40);
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
  });

  it.each([
    ['the role', () => `alter role ${role} connection limit 13`, 'limit of this role'],
    ['the database', () => `alter database ${database} connection limit 13`, 'limit of this database'],
  ])('finds a limit of %s', async (_of, change, text) => {
    await server.sql(change());
    try {
      const [finding] = await look(asRole());
      expect(finding).toMatchObject({ code: 'CONNECTIONS_SHORT' });
      expect(finding?.what).toContain(`room for 13 (the connection ${text})`);
      expect(await look(asRole(), { budget: 13 })).toEqual([]);
    } finally {
      await server.sql(`alter database ${database} connection limit -1`);
    }
  });
});

describe('settings', () => {
  it.each(['serializable', 'repeatable read'])('finds %s as the level of all transactions', async (level) => {
    await server.sql(`alter role ${role} set default_transaction_isolation = '${level}'`);
    expect(await look(asRole())).toMatchObject([
      {
        code: 'ISOLATION_DEFAULT',
        severity: 'warning',
        what: expect.stringContaining(`${level.toUpperCase()} here (set for the user)`),
      },
    ]);
  });

  it('finds a user, and a database, that takes no writes', async () => {
    await server.sql(`alter role ${role} set default_transaction_read_only = on`);
    expect(await look(asRole())).toMatchObject([
      { code: 'SERVER_READ_ONLY', what: expect.stringContaining('set for the user') },
    ]);
    await server.sql(`alter role ${role} reset all`);
    await server.sql(`alter database ${database} set default_transaction_read_only = on`);
    const findings = await look(asRole());
    await server.sql(`begin; set transaction read write; alter database ${database} reset all; commit`);
    expect(findings).toMatchObject([
      { code: 'SERVER_READ_ONLY', what: expect.stringContaining('set for the database') },
    ]);
  });

  it.each([
    [-90_000, '90 s ahead of'],
    [90_000, '90 s behind'],
  ])('finds a clock that is %d ms off', async (offset, text) => {
    const findings = await look(server.url, { now: () => Date.now() + offset });
    expect(findings).toMatchObject([
      { code: 'CLOCK_OFFSET', severity: 'warning', what: expect.stringContaining(text) },
    ]);
  });
});

describe('outbox', () => {
  // A schema with a name that has to be quoted.
  const schema = `Shop "1"; drop table product`;
  const quoted = pg.escapeIdentifier(schema);
  const outboxOf = `${quoted}.sluice_outbox`;

  beforeEach(async () => {
    await server.sql(`drop schema if exists ${quoted} cascade`);
    await server.sql(`create schema ${quoted}`);
    const opened = server.open();
    await opened.transaction(async () => {
      await opened.query(`set local search_path to ${quoted}`);
      await createOutboxTables(opened.current);
    });
  });
  afterAll(() => server.sql(`drop schema if exists ${quoted} cascade`));

  const add = (age: string, more = ''): Promise<unknown> =>
    server.sql(
      `insert into ${outboxOf} (channel, job_id, queue, payload, context, available_at${more === '' ? '' : ', parked_at'})
        values ('c', 'j', 'q', 'canary', '{}', now() - interval '${age}'${more === '' ? '' : `, ${more}`})`,
    );

  it('finds nothing in one that is emptied, nor in one with a message for later', async () => {
    expect(await look()).toEqual([]);
    await add('5 seconds');
    await add('-5 days');
    expect(await look()).toEqual([]);
  });

  it('finds messages that nothing delivers, and those that were parked', async () => {
    await add('3 hours');
    await add('2 hours');
    await add('1 hour', 'now()');
    const findings = await look();
    expect(findings).toMatchObject([
      {
        code: 'OUTBOX_STALE',
        what: '2 messages wait in the outbox, the oldest for 3 h',
        where: `${schema}.sluice_outbox`,
      },
      { code: 'OUTBOX_PARKED', what: '1 message was parked after too many failed deliveries' },
    ]);
    expect(JSON.stringify(findings)).not.toContain('canary');
    expect(await server.sql('select from product')).toEqual([]);
  });

  it('finds tables of another version', async () => {
    await server.sql(`alter table ${outboxOf} drop column available_at`);
    await server.sql(`drop table ${quoted}.sluice_inbox`);
    expect(await look()).toMatchObject([
      {
        code: 'OUTBOX_OUTDATED',
        severity: 'error',
        what: expect.stringMatching(
          /sluice_outbox\.available_at, the table sluice_inbox are missing|the table sluice_inbox/,
        ),
      },
    ]);
  });

  it('says what it may not read', async () => {
    await server.sql(`grant usage on schema ${quoted} to ${role}`);
    await server.sql(
      `grant references on ${outboxOf}, ${quoted}.sluice_inbox, ${quoted}.sluice_started_message,
       ${quoted}.sluice_parked_message to ${role}`,
    );
    expect(await look(asRole())).toMatchObject([
      {
        code: 'NOT_CHECKED',
        severity: 'warning',
        what: expect.stringContaining('permission denied for table sluice_outbox'),
      },
    ]);
  });
});

describe('poolers', () => {
  const modes = ['session', 'transaction'] as const;

  it.each(modes)('a PgBouncer in %s mode is seen, with what becomes of prepared statements', async (mode) => {
    if (!hasPgBouncer()) return;
    const pooler = await startPgBouncer(server.url, { mode, poolSize: 20 });
    try {
      const { facts, findings } = await examine(pooler.url);
      expect(facts[1]).toMatch(new RegExp(`^behind PgBouncer 1\\.\\d+\\.\\d+ in ${mode} mode$`));
      expect(facts).toContain('default_pool_size 20');
      expect(facts.includes('preparedStatements: true works')).toBe(mode === 'session');
      expect(findings.map(({ code, severity }) => [code, severity])).toEqual(
        mode === 'session' ? [] : [['POOLER_FORGETS_PREPARED', 'note']],
      );
    } finally {
      await pooler.stop();
    }
  });

  it('one in statement mode', async () => {
    if (!hasPgBouncer()) return;
    const pooler = await startPgBouncer(server.url, {
      mode: 'session',
      poolSize: 20,
      settings: { pool_mode: 'statement' },
    });
    try {
      expect(await look(pooler.url)).toMatchObject([{ code: 'POOLER_STATEMENT_MODE', severity: 'error' }]);
    } finally {
      await pooler.stop();
    }
  });

  it('one with fewer connections than the budgets, and one with a single one', async () => {
    if (!hasPgBouncer()) return;
    for (const [poolSize, codes] of [
      [10, ['POOLER_SHORT']],
      [1, ['POOLER_SHORT', 'POOLER_BUSY']],
    ] as const) {
      const pooler = await startPgBouncer(server.url, { mode: 'session', poolSize });
      try {
        const findings = await look(pooler.url, { timeout: 1_500 });
        expect(findings.map(({ code }) => code)).toEqual(codes);
        expect(findings[0]?.remedy).toContain('default_pool_size to 14');
      } finally {
        await pooler.stop();
      }
    }
  });
});

describe('a server that cannot be used', () => {
  it.each([
    ['is not there', () => 'postgres://u:canary@127.0.0.1:1/x', 'ECONNREFUSED'],
    ['has no such database', () => `${server.url}_not`, 'does not exist'],
  ])('%s', async (_name, url, text) => {
    const findings = await look(url());
    expect(findings).toMatchObject([
      { code: 'SERVER_UNREACHABLE', severity: 'error', what: expect.stringContaining(text) },
    ]);
    expect(JSON.stringify(findings)).not.toContain('canary');
  });

  it('accepts a connection and says nothing', async () => {
    const proxy = await startTcpProxy(server.url);
    proxy.hold();
    try {
      expect(await look(proxy.url, { timeout: 300 })).toMatchObject([{ code: 'SERVER_UNREACHABLE' }]);
    } finally {
      await proxy.close();
    }
  });

  it('falls silent in the middle', async () => {
    const proxy = await startTcpProxy(server.url);
    try {
      const { findings } = await examineServer(
        { kind: 'postgres', url: proxy.url },
        { ...usual, timeout: 500 },
        (what) => {
          if (what.endsWith('isolation')) proxy.hold();
        },
      );
      expect(findings).toMatchObject([
        {
          code: 'NOT_CHECKED',
          severity: 'error',
          what: '4 things could not be looked at (isolation, replicas, clock, outbox): no answer within 500 ms',
        },
      ]);
    } finally {
      await proxy.close();
    }
  });

  it('goes away in the middle', async () => {
    const proxy = await startTcpProxy(server.url);
    try {
      const { findings } = await examineServer({ kind: 'postgres', url: proxy.url }, usual, (what) => {
        if (what.endsWith('isolation')) void proxy.close();
      });
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.every(({ code }) => code === 'NOT_CHECKED')).toBe(true);
    } finally {
      await proxy.close().catch(() => {});
    }
  });
});

describe('a server of its own', () => {
  let servers: StreamingStandby;
  beforeAll(async () => {
    servers = await startStandby({ recovery_min_apply_delay: '1h' });
  }, 120_000);
  afterAll(() => servers?.stop(), 60_000);

  it('counts the sessions of other programs, and not those of its own', { timeout: 60_000 }, async () => {
    const { url } = servers.primary;
    const [own, others] = [
      clients(url, { count: 5, application_name: 'sluice' }),
      clients(url, { count: 7, application_name: 'reports' }),
    ];
    const room = await roomOn(url);
    try {
      await Promise.all(own.map((client) => client.connect()));
      expect(await roomOn(url)).toBe(room);
      await Promise.all(others.map((client) => client.connect()));
      expect(await roomOn(url)).toBe(room - 7);
      // A program may have a name of its own, which its URL says then.
      expect(await roomOn(`${url}?application_name=reports`)).toBe(room);
    } finally {
      await Promise.all([...own, ...others].map((client) => client.end()));
    }
  });

  it(
    'finds a standby that lags behind, from both sides, and that it takes no writes',
    { timeout: 120_000 },
    async () => {
      const { primary, standby } = servers;
      expect(await look(standby.url)).toMatchObject([
        { code: 'SERVER_READ_ONLY', what: expect.stringContaining('standby') },
      ]);
      const client = new pg.Client({ connectionString: primary.url });
      await client.connect();
      await client.query('create table sale (product_id int)');
      // A segment of 16 MB each, whatever is in it.
      for (let segment = 0; segment < 5; segment += 1) {
        await client.query('insert into sale values (1)');
        await client.query('select pg_switch_wal()');
      }
      await client.end();
      await until(
        'it lags',
        async () => (await look(standby.url)).some(({ code }) => code === 'REPLICA_DELAYED'),
        40_000,
      );
      await until('its primary sees it, too', async () => (await look(primary.url)).length > 0, 30_000);
      expect(await look(primary.url)).toMatchObject([
        {
          code: 'REPLICA_DELAYED',
          what: expect.stringMatching(/^The standby walreceiver is \d+ (?:s|MB of WAL) behind$/),
        },
      ]);
    },
  );
});
