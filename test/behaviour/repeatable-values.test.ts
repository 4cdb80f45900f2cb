// Values of any kind may be sent and returned: none of them ends a proof, and a counter is found in each.
import { describe, expect, it } from 'vitest';
import { interleave, NotRepeatableError } from '../../src/testing/index.ts';
import { engine } from '../support/database.ts';
import { useSaleDatabase } from '../support/sale-tables.ts';

const sales = useSaleDatabase();
const { setup, ways } = sales;
const run = (text: string, values: readonly unknown[] = []) => sales.database.query(text, values);
const note = (token: unknown) => run('insert into sale (product_id, token) values (1, $1)', [token]);
const inTransaction = <Result>(body: () => Promise<Result>): Promise<Result> =>
  sales.database.transaction(body, { retry: { attempts: 3, delay: 1 } });

const fails = (): never => {
  throw new Error('nobody may ask for it');
};
const endless = (): object => {
  const own: Record<string, unknown> = { name: 'book' };
  own['own'] = own;
  return own;
};

let sent = 0n;
/** By the time, with a counter in its last bits. */
const snowflake = (): bigint => (BigInt(Date.now() - 1_700_000_000_000) << 20n) | ((sent += 1n) & 4_095n);

describe.each(Object.entries(ways))('by %s', (_, prove) => {
  it.each<[string, () => unknown]>([
    ['a bigint', () => 5n],
    ['a bigint of the time', snowflake],
    ['a bigint of nanoseconds', () => process.hrtime.bigint()],
    ['a date of long ago', () => new Date('1970-02-03T00:00:00Z')],
    ['bytes', () => Buffer.from([1, 2, 3])],
    ['zero below zero', () => -0],
  ])('%s is none, sent and returned', async (name, make) => {
    await prove(() =>
      inTransaction(async () => {
        const value = make();
        await note(engine.name === 'sqlite' && value instanceof Date ? value.toISOString() : value);
        if (name.includes('bytes')) await run('delete from sale');
        return { value: make(), all: [make()], by: new Map([[make(), make()]]) };
      }),
    );
  });

  it.each<[string, () => unknown]>([
    ['an object with itself in it', endless],
    ['an object with a getter that throws', () => Object.defineProperty({}, 'stock', { get: fails, enumerable: true })],
    ['an object that is no text', () => ({ toString: fails, toJSON: fails, [Symbol.toPrimitive]: fails })],
    ['a map by objects', () => new Map([[Object.assign(Object.create(null), { id: 1 }), endless()]])],
    ['a set of everything', () => new Set([Number.NaN, -0, Symbol('book'), fails, 1n, new Date(Number.NaN)])],
    ['no date', () => new Date(Number.NaN)],
    ['a list of numbers', () => new Float64Array([Number.NaN, -0])],
  ])('%s is none, returned', async (_name, make) => {
    await prove(() => inTransaction(() => note('sold').then(make)));
  });

  it.each<[string, (count: bigint) => unknown]>([
    ['a bigint', (count) => count],
    ['a large bigint', (count) => 4_611_686_018_427_387_904n + count],
    ['a bigint that doubles', (count) => 3n * 2n ** count],
    ['a large number', (count) => 9_007_199_254_000_000 + Number(count)],
    ['a large bigint in a text', (count) => `order ${4_611_686_018_427_387_904n + count}`],
  ])('a counter is found that is %s', async (_name, make) => {
    let count = 0n;
    const error: unknown = await prove(() => inTransaction(() => note(make((count += 1n))))).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
    expect(error.findings.map(({ problem }) => problem)).toContain('sentOtherwise');
  });

  it.each<[string, (count: bigint) => unknown]>([
    ['a bigint', (count) => count],
    ['a bigint in a map', (count) => new Map([['sold', { count }]])],
    ['a bigint in an object with itself in it', (count) => Object.assign(endless(), { count })],
    ['a large bigint', (count) => [4_611_686_018_427_387_904n + count]],
  ])('a counter is found that is returned as %s', async (_name, make) => {
    let count = 0n;
    const error: unknown = await prove(() =>
      inTransaction(async () => {
        await note('sold');
        return make((count += 1n));
      }),
    ).catch((thrown: unknown) => thrown);
    if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
    expect(error.findings.map(({ problem }) => problem)).toEqual(['resultDiffers']);
  });
});

it.skipIf(engine.name === 'sqlite')('interleave compares what is returned, whatever it is', async () => {
  const sell = async (): Promise<unknown> =>
    await sales.database.transaction(async () => {
      const { rows } = await run('select stock from product where id = $1', [1n]);
      await run('update product set stock = $1 where id = $2', [Number(rows[0]?.['stock']) - 1, 1n]);
      const by = new Map([[Object.create(null), 1n]]);
      return Object.defineProperty({ by, endless: endless() }, 'stock', { get: fails, enumerable: true });
    });
  const report = await interleave(sales.database, { setup, actors: { alice: sell, bob: sell } });
  expect(report.anomalies.map(({ kind }) => kind)).toEqual(['lost update']);
});
