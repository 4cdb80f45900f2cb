// What is asked for a pool, a Knex or a data source with what it should not get. Nothing is taken or sent meanwhile.
import { describe, expect, it } from 'vitest';
import { ambientPool as ambientPoolOfMysql } from '../../src/drivers/mysql/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { rejection } from '../support/settled.ts';
import { held, invalid, nonsense, thrown, unknownClient, unused } from './bad-input.ts';
import { makers } from './bad-input-makers.ts';

describe.each(Object.entries(makers))('%s', (_, { database, make, makeWith, use }) => {
  it.each(nonsense)('is given %s for a database', (__, value) => {
    const error = thrown(() => make(value as never));
    expect(error).toMatchObject(invalid);
    expect(error.message).not.toContain('hunter2');
  });

  it('is given a promise of a database, one that is wrapped, or one that is made up', () => {
    const real = database();
    const mocked = { getDb: () => real.getDb(), transaction: real.transaction };
    for (const given of [Promise.resolve(real), new Proxy(real, {}), mocked])
      expect(thrown(() => make(given as never))).toMatchObject(invalid);
  });

  it.each([null, 5, '', 'nope', {}, Symbol('default')])('is given %s for the name of a client', (clientName) => {
    expect(thrown(() => make(database(), clientName as never))).toMatchObject(unknownClient);
  });

  it.runIf(makeWith !== undefined)('is given what are no options', () => {
    for (const options of [null, 5, 'x', [], Promise.resolve({}), new Map()])
      expect(thrown(() => makeWith?.(database(), options as never))).toMatchObject(invalid);
  });

  it('makes what takes nothing before it is used', () => {
    const real = database();
    make(real);
    expect(held(real)).toBe(0);
  });

  it('makes what says that its database is closed', async () => {
    const real = database();
    await real.close();
    expect(await rejection((async () => await use(real))())).toMatchObject({ code: 'DATABASE_CLOSED' });
  });
});

it('ambientPool is given a client of another engine', () => {
  expect(thrown(() => ambientPool(makers['ambientPool of MySQL']?.database() as never))).toMatchObject(invalid);
  expect(thrown(() => ambientPoolOfMysql(unused()))).toMatchObject(invalid);
});
