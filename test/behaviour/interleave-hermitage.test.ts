// The anomalies of Hermitage (Martin Kleppmann) and of Adya's thesis as services, without an invariant: each has to be found at the
// levels at which the engine lets it happen, and at no other.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database, IsolationLevel } from '../../src/index.ts';
import { interleave } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

/** How many orders are tried where nothing is found, of two and of three actors: all of them with `INTERLEAVE_ORDERS=1000`. */
const ordersOf = (actors: number): number => Number(process.env['INTERLEAVE_ORDERS'] ?? (actors === 2 ? 10 : 30));
const isPostgres = engine.name === 'postgres';
const server = useTestDatabase('create table log (who varchar(10) primary key)');
type Level = Exclude<IsolationLevel, 'DEFAULT'>;

let database: Database<'default'>;
beforeEach(() => {
  // A deadlock is seen soon: PostgreSQL looks after a second.
  database = server.open({ max: 4, options: '-c deadlock_timeout=300' });
});

const run = (text: string) => database.query<{ id: number; stock: number }>(text);
const rows = async (condition: string): Promise<readonly (readonly [number, number])[]> =>
  (await run(`select id, stock from product where ${condition} order by id`)).rows.map(({ id, stock }) => [id, stock]);
const stock = async (id: number): Promise<number> => (await rows(`id = ${id}`))[0]?.[1] ?? Number.NaN;
const set = (id: number, to: number): Promise<unknown> => run(`update product set stock = ${to} where id = ${id}`);
const insert = (id: number, of: number): Promise<unknown> =>
  run(`insert into product (id, stock) values (${id}, ${of})`);
const log = (who: string): Promise<unknown> => run(`insert into log (who) values ('${who}')`);

async function seed(): Promise<void> {
  await run('delete from log');
  await run('delete from product');
  await run('insert into product (id, stock) values (1, 10), (2, 20)');
}

interface Service {
  readonly actors: Readonly<Record<string, () => Promise<unknown>>>;
  /** Where it happens, on each engine. */
  readonly postgres: readonly Level[];
  readonly mariadb: readonly Level[];
}

const dirty = { postgres: [], mariadb: ['READ_UNCOMMITTED'] } satisfies Partial<Service>;
/** Each statement sees something newer. */
const perStatement = {
  postgres: ['READ_COMMITTED'],
  mariadb: ['READ_UNCOMMITTED', 'READ_COMMITTED'],
} satisfies Partial<Service>;
/** A snapshot from which is written what does not fit any more: InnoDB looks at REPEATABLE READ for nothing of that. */
const overwritten = {
  postgres: ['READ_COMMITTED'],
  mariadb: ['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ'],
} satisfies Partial<Service>;
const unlessSerializable = {
  postgres: ['READ_COMMITTED', 'REPEATABLE_READ'],
  mariadb: ['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ', 'SNAPSHOT'],
} satisfies Partial<Service>;

const write = (first: number, second: number) => async (): Promise<void> => {
  await set(1, first);
  await set(2, second);
};

const services: Readonly<Record<string, Service>> = {
  'dirty write (G0)': { postgres: [], mariadb: [], actors: { one: write(11, 21), two: write(12, 22) } },
  'aborted read (G1a)': {
    ...dirty,
    actors: {
      async one() {
        await set(1, 101);
        throw new Error('taken back');
      },
      two: () => stock(1),
    },
  },
  'intermediate read (G1b)': {
    ...dirty,
    actors: {
      async one() {
        await set(1, 101);
        await set(1, 11);
      },
      two: () => stock(1),
    },
  },
  // Each goes on only if it has seen the other: one after the other, none does.
  'circular information flow (G1c)': {
    ...dirty,
    actors: {
      async one() {
        await set(1, 11);
        if ((await stock(2)) === 20) throw new Error('alone');
      },
      async two() {
        await set(2, 22);
        if ((await stock(1)) === 10) throw new Error('alone');
      },
    },
  },
  'observed transaction vanishes (OTV)': {
    ...dirty,
    actors: { one: write(11, 19), two: write(12, 18), three: () => rows('id in (1, 2)') },
  },
  'predicate-many-preceders (PMP)': {
    ...perStatement,
    actors: {
      one: async () => [await rows('stock % 3 = 0'), await rows('stock % 3 = 0')],
      two: () => insert(3, 30),
    },
  },
  'predicate-many-preceders for write predicates': {
    ...overwritten,
    actors: {
      one: () => run('update product set stock = stock + 10'),
      async two() {
        const found = await rows('stock = 20');
        await run('delete from product where stock = 20');
        await log('two');
        return found;
      },
    },
  },
  'lost update (P4)': {
    ...overwritten,
    actors: {
      one: async () => await set(1, (await stock(1)) + 1),
      two: async () => await set(1, (await stock(1)) + 1),
    },
  },
  'read skew (G-single)': {
    ...perStatement,
    actors: { one: async () => [await stock(1), await stock(2)], two: write(12, 18) },
  },
  'read skew by predicate dependencies': {
    ...perStatement,
    actors: {
      one: async () => [await rows('stock % 5 = 0'), await rows('stock % 3 = 0')],
      two: () => run('update product set stock = 12 where stock = 10'),
    },
  },
  'read skew by a write predicate': {
    ...overwritten,
    actors: {
      async one() {
        const found = await stock(1);
        await run('delete from product where stock = 20');
        await log('one');
        return found;
      },
      two: write(12, 18),
    },
  },
  'write skew (G2-item)': {
    ...unlessSerializable,
    actors: {
      one: async () => await set(1, (await rows('id in (1, 2)')).length + (await stock(2))),
      two: async () => await set(2, (await rows('id in (1, 2)')).length + (await stock(1))),
    },
  },
  'anti-dependency cycle (G2)': {
    ...unlessSerializable,
    actors: {
      one: async () => await insert(3, 30 + 3 * (await rows('stock % 3 = 0')).length),
      two: async () => await insert(4, 42 + 3 * (await rows('stock % 3 = 0')).length),
    },
  },
  // Without the reader, what the other two do is serializable on a snapshot (Fekete, O'Neil and O'Neil).
  'anti-dependency cycle with a reader': {
    ...unlessSerializable,
    actors: {
      one: async () => await set(1, (await rows('id in (1, 2)')).reduce((sum, [, each]) => sum + each, 0) - 40),
      two: async () => await set(2, (await stock(2)) + 20),
      three: () => rows('id in (1, 2)'),
    },
  },
};

const levels: readonly Level[] = isPostgres
  ? ['READ_COMMITTED', 'REPEATABLE_READ', 'SERIALIZABLE']
  : ['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ', 'SNAPSHOT', 'SERIALIZABLE'];

describe.skipIf(engine.name === 'sqlite')('found where it happens, and nowhere else:', () => {
  for (const [name, { actors, ...happens }] of Object.entries(services)) {
    it.each(levels)(`${name} at %s`, async (isolationLevel) => {
      const within = Object.entries(actors).map(([actor, body]) => [
        actor,
        () => database.transaction(body, { isolationLevel }),
      ]);
      const report = await interleave(database, {
        setup: seed,
        actors: Object.fromEntries(within),
        maxSchedules: ordersOf(within.length),
        maxRemedyRuntime: 0,
      });
      const expected = happens[isPostgres ? 'postgres' : 'mariadb'].includes(isolationLevel);
      expect(report.anomalous > 0, report.toString()).toBe(expected);
    });
  }
});
