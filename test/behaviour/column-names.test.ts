import { beforeEach, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { type Database, statement } from '../../src/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const quoted = (name: string): string => (engine.name === 'mariadb' ? `\`${name}\`` : `"${name}"`);
const [proto, constructorName] = [quoted('__proto__'), quoted('constructor')];

interface OddRow {
  id: number;
  ['__proto__']: string | null;
  constructor: string;
}

const server = useTestDatabase(
  `create table odd (id int primary key, ${proto} varchar(50), ${constructorName} varchar(50) not null)`,
);
let database: Database<'default'>;
beforeEach(async () => {
  await server.sql('delete from odd');
  database = server.open();
});

/** Columns are the row's own, and nothing else has changed about it. */
function expectColumns(row: unknown, ...columns: [string, unknown][]): void {
  expect(Object.entries(row as object)).toEqual(columns);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
}

describe('columns that are named as what objects have', () => {
  const text = `select 1 as ${proto}, 2 as ${constructorName}, 3 as ${quoted('toString')}, 4 as ${quoted('hasOwnProperty')}`;
  const columns: [string, unknown][] = [
    ['__proto__', 1],
    ['constructor', 2],
    ['toString', 3],
    ['hasOwnProperty', 4],
  ];

  it('are columns of a statement, again and again, with values, in a batch and in a transaction', async () => {
    for (let times = 0; times < 4; times += 1) {
      expectColumns((await database.current.query(text)).rows[0], ...columns);
    }
    for (let times = 0; times < 4; times += 1) {
      const { rows } = await database.current.query(`${text} where 1 = $1`, [1]);
      expectColumns(rows[0], ...columns);
    }
    const [first] = await database.transaction.batch([statement(text), statement(text)]);
    expectColumns(first?.rows[0], ...columns);
    const { rows } = await database.transaction(() => database.current.query(text));
    expectColumns(rows[0], ...columns);
  });

  it('are columns of a model, and of its caches', async () => {
    const made = defineModel<OddRow>({ table: 'odd', key: 'id', cache: { entity: true, query: true } });
    const odd = createModel(database, made);
    const row = JSON.parse('{"id":1,"__proto__":"a","constructor":"b"}') as OddRow;
    const expected: [string, unknown][] = [
      ['id', 1],
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ];
    expectColumns(await odd.insert(row), ...expected);
    for (let times = 0; times < 3; times += 1) {
      expectColumns(await odd.get({ id: 1 } as never), ...expected);
      expectColumns((await odd.select({ where: row }))[0], ...expected);
      expectColumns((await odd.mget([1]))[0], ...expected);
    }
    expect(await odd.update(JSON.parse('{"id":1,"__proto__":"c"}') as OddRow)).toBe(1);
    expect(await server.sql('select id from odd')).toHaveLength(1);
    expectColumns(await odd.get({ id: 1 } as never), ['id', 1], ['__proto__', 'c'], ['constructor', 'b']);
  });

  it('are names in a cached value', async () => {
    const cache = createCache<unknown>(database, { name: 'odd' });
    const value = JSON.parse('{"__proto__":{"$date":5},"constructor":[1],"$map":1}') as unknown;
    await cache.set(value, 'a');
    expectColumns(await cache.get('a'), ['__proto__', { $date: 5 }], ['constructor', [1]], ['$map', 1]);
    expect(({} as Record<string, unknown>)['$date']).toBeUndefined();
  });
});
