// What differs from run to run is compared as far as it goes on with attempts: what a body makes of a counter after its transaction.
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NotRepeatableError, proveRepeatable, type RepeatProblem } from '../../src/testing/index.ts';
import { useSaleDatabase } from '../support/sale-tables.ts';

const sales = useSaleDatabase();
const run = (text: string, values: readonly unknown[] = []) => sales.database.query(text, values);
const note = (token: unknown) => run('insert into sale (product_id, token) values (1, $1)', [token]);

async function setup(): Promise<void> {
  await sales.setup();
  await note('before');
}

interface Case {
  readonly body: () => Promise<unknown>;
}

/** A body that counts in its transaction, or before it, and makes something of the count after it. */
type Made = (count: number) => Promise<unknown>;
const counting =
  (where: 'inside' | 'outside', then: Made): (() => Case) =>
  () => {
    let count = 0;
    const body = async (): Promise<unknown> => {
      if (where === 'outside') count += 1;
      await sales.database.transaction(
        async () => {
          if (where === 'inside') count += 1;
          await run('update product set stock = stock - 1 where id = 1');
        },
        { retry: { attempts: 3, delay: 1 } },
      );
      return await then(count);
    };
    return { body };
  };

const turn = (count: number): string => (count % 2 === 1 ? 'first' : 'second');
const made: Readonly<Record<string, readonly [RepeatProblem, Made]>> = {
  'a number that is returned': ['resultDiffers', async (count) => count],
  'a number in a text that is returned': ['resultDiffers', async (count) => ({ order: `ORD-${count}` })],
  'a word by turns that is returned': ['resultDiffers', async (count) => ({ status: turn(count) })],
  'a number in a row': ['rowsDiffer', note],
  'a number in a text in a row': ['rowsDiffer', (count) => note(`order ${count}`)],
  'a word by turns in a row': ['rowsDiffer', (count) => note(turn(count))],
};

describe('what a body makes of a counter after its transaction', () => {
  it.each(Object.entries(made))('%s is found where attempts count', async (_, [problem, then]) => {
    const error: unknown = await proveRepeatable(sales.database, { setup, ...counting('inside', then)() }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
    expect(error.findings.map((each) => each.problem)).toEqual([problem]);
    if (problem === 'rowsDiffer') expect(error.message).toContain('token');
  });

  it.each(Object.entries(made))('%s is none where calls count', async (_, [, then]) => {
    await proveRepeatable(sales.database, { setup, ...counting('outside', then)() });
  });

  it.each<[string, () => unknown]>([
    ['a word of chance', () => ['red', 'green', 'blue', 'white', 'black', 'pink'][randomInt(6)]],
    ['a number of chance', () => randomInt(100)],
    ['a time to the base of 36', () => Date.now().toString(36)],
  ])('%s after it is none', async (_, make) => {
    const then = async (): Promise<unknown> => {
      await note(make());
      return make();
    };
    await proveRepeatable(sales.database, { setup, ...counting('outside', then)() });
  });

  it('a number of an invoice from a generated key is none', async () => {
    const then = async (): Promise<unknown> => {
      await note('new');
      const { rows } = await run("select id from sale where token = 'new'");
      await run("update sale set token = $1 where token = 'new'", [`INV-${String(rows[0]?.['id'])}`]);
      return rows[0]?.['id'];
    };
    await proveRepeatable(sales.database, { setup, ...counting('outside', then)() });
  });
});
