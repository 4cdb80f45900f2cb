// Values that hold what changes beside what does not: `interleave` compares the rest of them.
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const isPostgres = engine.name === 'postgres';
const [json, list] = isPostgres ? ['jsonb', 'text[]'] : ['json', 'text'];
const server = useTestDatabase(
  `create table account (id int primary key, history ${json}, notes text, tags ${list}, made_at varchar(40), other_id int)`,
);
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string, values: readonly unknown[] = []) =>
  database.query(isPostgres ? text : text.replaceAll(/\$\d/g, '?'), values);
const seed = async (): Promise<void> => {
  await run('delete from account');
  await run("insert into account (id, history, notes, tags) values (1, '[]', '', $1)", [isPostgres ? [] : '[]']);
};
const parsed = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value);
const valueOf = async (column: string): Promise<unknown> =>
  (await run(`select ${column} as found from account where id = 1`)).rows[0]?.['found'];
const write = (column: string, value: unknown): Promise<unknown> =>
  run(`update account set ${column} = $1 where id = 1`, [value]);

const changes: Readonly<Record<string, (who: string) => Promise<unknown>>> = {
  'a list in JSON': async (who) => {
    const history = parsed(await valueOf('history')) as unknown[];
    return await write('history', JSON.stringify([...history, { who, at: Date.now() }]));
  },
  'settings in JSON': async (who) => {
    const settings = { ...(parsed(await valueOf('history')) as object) };
    return await write('history', JSON.stringify({ ...settings, [who]: true, updatedAt: new Date().toISOString() }));
  },
  'a map with random keys': async (who) => {
    const map = { ...(parsed(await valueOf('history')) as object) };
    return await write('history', JSON.stringify({ ...map, [randomUUID()]: who }));
  },
  'JSON in a text': async (who) => {
    const text = String(await valueOf('notes'));
    const before = text === '' ? [] : (JSON.parse(text) as unknown[]);
    return await write('notes', JSON.stringify([...before, { who, id: randomUUID() }]));
  },
  'a log': async (who) =>
    await write('notes', `${String(await valueOf('notes'))}${new Date().toISOString()} ${who} was here\n`),
  'a list of identifiers': async () => {
    const tags = parsed(await valueOf('tags')) as string[];
    return await write('tags', isPostgres ? [...tags, randomUUID()] : JSON.stringify([...tags, randomUUID()]));
  },
};

describe.skipIf(engine.name === 'sqlite')('values with parts that change', () => {
  const tried = (change: (who: string) => Promise<unknown>): Promise<InterleaveReport> => {
    const actor = (who: string) => async (): Promise<void> => {
      await database.transaction(() => change(who));
    };
    return interleave(database, {
      setup: seed,
      actors: { alice: actor('alice'), bob: actor('bob') },
      maxRemedyRuntime: 0,
    });
  };

  it.each(Object.entries(changes))('a lost update is found: %s', async (_, change) => {
    const report = await tried(change);
    expect(report.anomalies[0]).toMatchObject({ kind: 'lost update' });
    expect(report.anomalies[0]?.found).toMatch(/^no serial order gives this: account\.(?:history|notes|tags)$/);
  });

  it.each(Object.entries(changes))('nothing is found where the row is locked: %s', async (_, change) => {
    const report = await tried(async (who) => {
      await run('select id from account where id = 1 for update');
      return await change(who);
    });
    expect(report.toString()).toContain('No anomaly');
    expect(report).toMatchObject({ anomalies: [], isComplete: true });
  });

  it('names the parts that are left out', async () => {
    const report = await tried(async (who) => await changes['a list in JSON']?.(who));
    expect(report.notCompared).toEqual([expect.stringMatching(/account.?\.history\[\]\.at$/)]);
  });

  it('what is keyed by what changes may be returned', async () => {
    const actor = async (): Promise<unknown> => {
      await run('update account set other_id = 1 where id = 1');
      return { orders: new Map([[randomUUID(), { by: 'alice' }]]), [`at ${randomUUID()}`]: 1 };
    };
    const report = await interleave(database, { setup: seed, actors: { alice: actor, bob: actor } });
    expect(report).toMatchObject({ anomalies: [], isComplete: true });
  });

  it('says of columns that are left out what is still compared: where they are NULL', async () => {
    const remove = async (): Promise<void> => {
      await database.transaction(async () => {
        if ((await valueOf('other_id')) === null) await write('made_at', randomUUID());
      });
    };
    const report = await interleave(database, {
      setup: seed,
      actors: {
        alice: remove,
        bob: () =>
          database.transaction(async () => {
            if ((await valueOf('made_at')) === null) await write('other_id', 7);
          }),
      },
      maxRemedyRuntime: 0,
    });
    expect(report.anomalies).toHaveLength(1);
    expect(report.toString()).toMatch(/Not compared, .*\(columns still for NULL.*: .*account.?\.made_at/);
  });
});
