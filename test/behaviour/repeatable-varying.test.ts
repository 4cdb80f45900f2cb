// What differs by itself between attempts is no finding, however it is written; what is kept outside is one, also beside it.
import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NotRepeatableError } from '../../src/testing/index.ts';
import { useSaleDatabase } from '../support/sale-tables.ts';

const sales = useSaleDatabase();
const run = (text: string, values: readonly unknown[] = []) => sales.database.query(text, values);
const note = (token: unknown, at: unknown = null) =>
  run('insert into sale (product_id, token, sold_at) values (1, $1, $2)', [token, at]);
const inTransaction = <Result>(body: () => Promise<Result>): Promise<Result> =>
  sales.database.transaction(body, { retry: { attempts: 3, delay: 1 } });

type Body = () => Promise<unknown>;

/** What differs by itself, and never by what an attempt has left. */
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const group = (length = 4): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
const voucher = (): string => [group(), group(), group()].join('-');
const pad = (number: number): string => String(number).padStart(2, '0');
const compact = (): string => new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
const european = (): string => {
  const now = new Date();
  return `${pad(now.getDate())}/${pad(now.getMonth() + 1)}/${now.getFullYear()} ${pad(now.getHours())}:${pad(now.getMinutes())}`;
};

const varying: Readonly<Record<string, () => unknown>> = {
  'random text in base64': () => randomBytes(12).toString('base64'),
  'random text in base64url': () => randomBytes(9).toString('base64url'),
  'short random text in base64': () => randomBytes(4).toString('base64'),
  'a voucher in groups': voucher,
  'a short voucher': () => group(6),
  'a voucher of digits': () => `${randomInt(1_000, 10_000)}-${randomInt(1_000, 10_000)}`,
  'a number of four digits': () => randomInt(1_000, 10_000),
  'a compact time': compact,
  'a compact time without letters': () => compact().replaceAll(/[TZ]/g, ''),
  'a time by day, month and year': european,
  'a time to the base of 36': () => Date.now().toString(36),
  'a time to the base of 36 with chance': () => `${Date.now().toString(36)}${group(5).toLowerCase()}`,
  'a time as a number': () => Date.now(),
  'a time as a number of seconds': () => Math.floor(Date.now() / 1_000),
  'a time as a number of seconds with a fraction': () => Date.now() / 1_000,
  'a list of vouchers': () => [voucher(), voucher()].join(','),
};

describe.each(Object.entries(sales.ways))('by %s', (_, prove) => {
  it.each(Object.entries(varying))('%s is none, sent and returned', async (_name, make) => {
    await prove(() =>
      inTransaction(async () => {
        await note(make(), make());
        return { made: make() };
      }),
    );
  });
  it.each(Object.entries(varying))('%s is none in the text of a statement', async (_name, make) => {
    await prove(() => inTransaction(() => run(`insert into audit (what) values ('${String(make()).slice(0, 40)}')`)));
  });

  it.each<[string, (from: number) => number]>([
    ['with a fraction', (from) => performance.now() - from],
    ['in whole milliseconds', (from) => Math.round(performance.now() - from)],
    ['in whole milliseconds by the clock', (from) => Date.now() - from],
  ])('a measured duration %s is none, sent and returned', async (name, since) => {
    await prove(() =>
      inTransaction(async () => {
        const from = name.includes('clock') ? Date.now() : performance.now();
        await note('sold');
        await run('select id from product');
        await note('measured', since(from));
        return { took: since(from) };
      }),
    );
  });

  it('a generated key that another column has by chance, too, is none', async () => {
    await prove(async () => {
      await note('before');
      const { rows: before } = await run("select id from sale where token = 'before'");
      await run('update product set stock = $1 where id = 1', [Number(before[0]?.['id']) + 1]);
      await inTransaction(async () => {
        await run('select stock from product where id = 1');
        await note('new');
        const { rows } = await run("select id from sale where token = 'new'");
        await run('update sale set sold_at = $1 where id = $2', [`sale ${String(rows[0]?.['id'])}`, rows[0]?.['id']]);
      });
    });
  });

  it.each<[string, () => Body]>([
    [
      'a counter in a voucher',
      () => {
        let next = 0;
        return () => inTransaction(() => note(`${group()}-${group()}-${pad((next += 1))}`));
      },
    ],
    [
      'a counter between random groups',
      () => {
        let next = 7;
        return () => inTransaction(() => note(`${group()}-${pad((next += 1))}-${group()}`));
      },
    ],
    [
      'a list of vouchers outside, joined',
      () => async () => {
        const vouchers: string[] = [];
        await inTransaction(async () => {
          vouchers.push(group());
          await note(vouchers.join(','));
        });
      },
    ],
    [
      'a list of the module, joined',
      () => {
        const lines: string[] = [];
        return () =>
          inTransaction(async () => {
            lines.push('l');
            await note(lines.join(''));
          });
      },
    ],
    [
      'a word that is kept, beside a voucher',
      () => {
        let word = 'first';
        return () =>
          inTransaction(async () => {
            await note(voucher(), word);
            word = 'again';
          });
      },
    ],
    [
      'a word in one text with a voucher',
      () => {
        let word = 'first';
        return () =>
          inTransaction(async () => {
            await note(`${word}: ${voucher()}`);
            word = 'again';
          });
      },
    ],
    [
      'a word by turns, by a counter',
      () => {
        let count = 0;
        return () => inTransaction(() => note((count += 1) % 2 === 1 ? 'first' : 'second', voucher()));
      },
    ],
    [
      'a counter beside a duration',
      () => {
        let count = 0;
        return () =>
          inTransaction(async () => {
            const from = performance.now();
            await note('sold');
            await note((count += 1), performance.now() - from);
          });
      },
    ],
    [
      'a counter of two transactions',
      () => {
        let count = 0;
        return async () => {
          await inTransaction(() => note(voucher(), (count += 1)));
          await inTransaction(() => note(voucher(), (count += 1)));
        };
      },
    ],
    [
      'a price that each attempt lowers',
      () => {
        let price = 1_000;
        return () =>
          inTransaction(async () => {
            price = Math.round(price * 90) / 100;
            await note(voucher(), price);
          });
      },
    ],
    [
      'a value in the text of a statement',
      () => {
        let count = 0;
        return () => inTransaction(() => run(`insert into audit (what) values ('${group()} ${(count += 1)}')`));
      },
    ],
    [
      'a statement that is sent once, beside one of chance',
      () => {
        let isDone = false;
        return () =>
          inTransaction(async () => {
            for (let left = randomInt(1, 4); left > 0; left -= 1) await note(voucher());
            if (!isDone) await run("insert into audit (what) values ('first')");
            isDone = true;
          });
      },
    ],
    [
      'a key of another row, by a counter',
      () => {
        let at = 0;
        return () =>
          inTransaction(async () => {
            const { rows } = await run('select id from product order by id');
            await run('update product set stock = 1 where id = $1', [rows[(at += 1) % 2]?.['id']]);
          });
      },
    ],
    [
      'a value of another column, by a counter',
      () => {
        let at = 0;
        return () =>
          inTransaction(async () => {
            const { rows } = await run('select id, stock from product where id = 1');
            await note('sold', rows[0]?.[(at += 1) % 2 === 1 ? 'id' : 'stock']);
          });
      },
    ],
  ])('%s is found', async (_name, make) => {
    const error: unknown = await prove(make()).catch((thrown: unknown) => thrown);
    if (!(error instanceof NotRepeatableError)) throw new Error('it was not found', { cause: error });
    expect(error.findings.map(({ problem }) => problem)).toContain('sentOtherwise');
    expect(error.findings[0]?.place).toContain('repeatable-varying.test.ts');
  });
});
