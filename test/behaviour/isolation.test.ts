import { describe, expect, it } from 'vitest';
import { IsolationLevel, type IsolationLevelName } from '../../src/index.ts';
import { characteristicsOf, engine, insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

describe('isolation', () => {
  // As TypeORM and Sequelize spell them; as Knex, Kysely, Drizzle and MikroORM do; as Prisma does.
  const spellings = {
    DEFAULT: ['default', 'Default'],
    READ_UNCOMMITTED: ['READ UNCOMMITTED', 'read uncommitted', 'ReadUncommitted'],
    READ_COMMITTED: ['READ COMMITTED', 'read committed', 'ReadCommitted'],
    REPEATABLE_READ: ['REPEATABLE READ', 'repeatable read', 'RepeatableRead'],
    SNAPSHOT: ['snapshot', 'Snapshot'],
    SERIALIZABLE: ['serializable', 'Serializable'],
  } as const satisfies Record<IsolationLevel, readonly IsolationLevelName[]>;
  const names = Object.values(IsolationLevel).flatMap((level) =>
    [level, ...spellings[level]].map((name) => [name, level] as const),
  );

  it.each(names)('%s reaches the server as what gives %s', async (isolationLevel, level) => {
    const database = server.open();
    let told: unknown;
    const { isolation } = await database.transaction(
      () => {
        told = database.current.transaction.active?.isolationLevel;
        return characteristicsOf(database);
      },
      { isolationLevel },
    );
    expect(isolation).toBe(engine.levels[level]);
    expect(told).toBe(
      await database.transaction(() => database.current.transaction.active?.isolationLevel, { isolationLevel: level }),
    );
  });

  it.each(['Serialisable', 'read-committed', 'readCommitted', 'rEAD cOMMITTED', ' serializable', 'READ  COMMITTED'])(
    '%s is none, and is answered with those that there are',
    async (isolationLevel) => {
      const database = server.open();
      const asked = database.transaction(() => insert(database, 1), { isolationLevel } as never);
      const error = await rejection(asked);
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
      expect(error['remedy']).toContain('SERIALIZABLE');
      expect(error['remedy']).toContain('"read committed", "ReadCommitted"');
    },
  );

  it('has six levels', () => {
    expect(Object.keys(IsolationLevel)).toHaveLength(6);
  });

  it('nothing stays on the session for the next user of the connection', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const normal = { isolation: engine.levels['DEFAULT'], readOnly: engine.defaultReadOnly };
    for (const isolationLevel of Object.values(IsolationLevel)) {
      const used = await database.transaction(() => characteristicsOf(database), { isolationLevel, readOnly: true });
      expect(used.readOnly).not.toEqual(normal.readOnly);
      expect(await database.transaction(() => characteristicsOf(database))).toEqual(normal);
    }
  });

  it('a repeatable read sees its snapshot', async () => {
    const database = server.open();
    await database.transaction(
      async () => {
        await database.current.query('select id from product');
        await database.switchDbIsolate(() => insert(database, 1));
        expect((await database.current.query('select id from product')).rowCount).toBe(0);
      },
      { isolationLevel: 'SNAPSHOT', readOnly: true },
    );
  });

  it('tells its isolation, whether it has written, and its outcome', async () => {
    const database = server.open();
    const info = await database.transaction(
      async () => {
        const active = database.current.transaction.active;
        expect(active).toMatchObject({
          name: 'report',
          isolationLevel: { postgres: 'REPEATABLE_READ', mariadb: 'SNAPSHOT', sqlite: 'SERIALIZABLE' }[engine.name],
          readOnly: false,
          hasWritten: false,
        });
        await database.current.query(engine.sql.lockProducts);
        expect(active?.hasWritten).toBe(false);
        await insert(database, 1);
        expect(active).toMatchObject({ hasWritten: true, outcome: undefined });
        return active;
      },
      { isolationLevel: 'SNAPSHOT', name: 'report' },
    );
    expect(info?.outcome).toBe('committed');
    expect(database.current.transaction.active).toBeUndefined();
  });
});

describe('readOnly', () => {
  it('reaches the server, which refuses to write', async () => {
    const database = server.open();
    const error = await rejection(database.transaction(() => insert(database, 1), { readOnly: true }));
    expect(error).toMatchObject(engine.errors.readOnly);
  });
});
