// How long something took, and the numbers that a server gives to transactions, differ between attempts by themselves.
import { describe, expect, it } from 'vitest';
import { NotRepeatableError, proveRepeatable, rolledBack } from '../../src/testing/index.ts';
import { engine } from '../support/database.ts';
import { useSaleDatabase } from '../support/sale-tables.ts';

const sales = useSaleDatabase();
const { setup } = sales;
const run = (text: string, values: readonly unknown[] = []) => sales.database.query(text, values);
const note = (token: unknown) => run('insert into sale (product_id, token) values (1, $1)', [token]);
/** The pause before a second attempt is at least half of it. */
const delay = 240;
const inTransaction = <Result>(body: () => Promise<Result>, pause = delay): Promise<Result> =>
  sales.database.transaction(body, { retry: { attempts: 3, delay: pause } });

const prove = (body: () => Promise<unknown>) => proveRepeatable(sales.database, { setup, body });

/** What programs make of a duration; some are the same for all that take no longer than the pause. */
const forms: Readonly<Record<string, (milliseconds: number) => unknown>> = {
  'in milliseconds': (took) => took,
  'in whole milliseconds': (took) => Math.round(took),
  'in tenths of a second, as a text': (took) => `done in ${(took / 1_000).toFixed(1)} s`,
  'in hundredths of a second': (took) => Math.round(took / 10) / 100,
  'as a word': (took) => (took > delay / 2 ? 'slow' : 'fast'),
};

describe.each(Object.entries(forms))('how long it took %s', (_, form) => {
  it('is none where it is returned', async () => {
    await prove(async () => {
      const from = performance.now();
      await inTransaction(() => note('sold'));
      return { took: form(performance.now() - from) };
    });
  });

  it('is none where it is written afterwards', async () => {
    await prove(async () => {
      const from = performance.now();
      await inTransaction(() => note('sold'));
      await note(form(performance.now() - from));
    });
  });

  it('is none where an attempt sends it, before anything else', async () => {
    await prove(async () => {
      const from = performance.now();
      await inTransaction(() => note(form(performance.now() - from)));
    });
  });

  it('is none where "watch" looks at it', async () => {
    let took: unknown;
    const body = async (): Promise<void> => {
      const from = performance.now();
      await inTransaction(() => note('sold'));
      took = form(performance.now() - from);
    };
    await proveRepeatable(sales.database, { setup, body, watch: () => took });
  });

  it('is none where it is measured between the statements of an attempt', async () => {
    const measured = (): Promise<unknown> =>
      inTransaction(async () => {
        const from = performance.now();
        await run('select id from product');
        await note(form(performance.now() - from));
        return form(performance.now() - from);
      }, 1);
    await prove(measured);
    await setup();
    await rolledBack(sales.database, measured, { proveRepeatable: true });
  });
});

it.each<[string, () => (took: number) => unknown]>([
  [
    'a number',
    () => {
      let count = 0;
      return () => (count += 1);
    },
  ],
  [
    'a number in a text with it',
    () => {
      let count = 0;
      return (took) => `sale ${(count += 1)} in ${took.toFixed(0)} ms`;
    },
  ],
])('a counter is found next to a duration: %s', async (_, make) => {
  const next = make();
  const error: unknown = await prove(async () => {
    const from = performance.now();
    await inTransaction(() => note(next(performance.now() - from)));
    return performance.now() - from;
  }).catch((thrown: unknown) => thrown);
  if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
  expect(error.findings.map(({ problem }) => problem)).toContain('sentOtherwise');
});

it('a transaction that has too little time for a longer run is proved all the same', async () => {
  const body = async (): Promise<unknown> => {
    const from = performance.now();
    for (const name of ['book', 'pen'])
      await sales.database.transaction(() => note(name), { timeout: 250, retry: { attempts: 3, delay: 100 } });
    return performance.now() - from > 50;
  };
  await prove(body);
});

it('a body that takes most of its time is not held up beyond it', async () => {
  let sold = 0;
  const body = async (): Promise<unknown> => {
    await inTransaction(async () => {
      await note('sold');
      await new Promise((resolve) => setTimeout(resolve, 500));
      sold += 1;
    });
    return sold;
  };
  const error: unknown = await proveRepeatable(sales.database, { setup, body, timeout: 2_000 }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NotRepeatableError);
});

describe.skipIf(engine.name !== 'postgres')('the number of a transaction', () => {
  it.each<[string, string]>([
    ['txid_current()', 'select txid_current()::text as number'],
    ['txid_current() as a bigint', 'select txid_current() as number'],
    ['pg_current_xact_id()', 'select pg_current_xact_id()::text as number'],
    ['a snapshot', 'select txid_current_snapshot()::text as number'],
    ['xmin of a row', 'select xmin::text as number from product where id = 1'],
  ])('is none: %s', async (_name, text) => {
    const read = async (): Promise<unknown> => {
      await run('update product set stock = stock - 1 where id = 1');
      return (await run(text)).rows[0]?.['number'];
    };
    for (let again = 0; again < 2; again += 1) {
      await prove(() => inTransaction(read, 1));
      await prove(() => inTransaction(async () => void (await note(String(await read()))), 1));
    }
    await setup();
    await rolledBack(sales.database, () => inTransaction(read, 1), { proveRepeatable: true });
  });

  it('is none as a version of a row', async () => {
    const read = async (): Promise<unknown> =>
      (await run('select xmin::text as version from product where id = 1')).rows[0]?.['version'];
    const sell = async (): Promise<unknown> => {
      await run('update product set stock = stock - 1 where id = 1 and xmin::text = $1', [await read()]);
      return { version: await read() };
    };
    await prove(() => inTransaction(sell, 1));
    await setup();
    await rolledBack(sales.database, () => inTransaction(sell, 1), { proveRepeatable: true });
  });
});
