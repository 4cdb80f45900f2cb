// What an invariant says, and orders that go wrong although the actors ran one after the other.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveOptions, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let database: Database<'default'>;
beforeEach(() => {
  database = server.open({ max: 4 });
});

const stock = async (): Promise<number> =>
  Number((await database.query('select stock from product where id = 1')).rows[0]?.['stock']);
const take = async (): Promise<void> => {
  const left = await stock();
  await database.query(`update product set stock = ${left - 1} where id = 1`);
};
const seed = async (): Promise<void> => {
  await database.query('delete from product');
  await database.query('insert into product (id, stock) values (1, 5)');
};
const tried = (changes: Partial<InterleaveOptions>) =>
  interleave(database, { setup: seed, actors: { alice: take, bob: take }, maxRemedyRuntime: 0, ...changes });

describe.skipIf(engine.name === 'sqlite')('an invariant', () => {
  it.each([
    ['throws an error', new Error('one of two is lost'), 'one of two is lost'],
    ['throws a text', 'one of two is lost', 'one of two is lost'],
    ['throws an error without a message', new TypeError(), 'TypeError'],
  ])('that %s has it in the report', async (_, thrown, said) => {
    const invariant = async (): Promise<void> => {
      if ((await stock()) !== 3) throw thrown;
    };
    const report = await tried({ invariant });
    expect(report.anomalies).toMatchObject([{ found: `the invariant does not hold: ${said}`, error: thrown }]);
    expect(report.toString()).toContain(`the invariant does not hold: ${said}`);
    expect(report.toHtml()).toContain(`the invariant does not hold: ${said}`);
    expect(() => report.assertSerializable()).toThrow(`the invariant does not hold: ${said}`);
  });

  it.each([
    ['at once', (holds: boolean) => holds],
    ['later', (holds: boolean) => Promise.resolve(holds)],
  ])('that returns false %s does not hold, and one that returns true does', async (_, answer) => {
    const wrong = await tried({ invariant: async () => answer((await stock()) === 3) });
    expect(wrong.anomalies).toMatchObject([{ found: 'the invariant does not hold: it returned false', switches: 1 }]);
    const right = await tried({ invariant: async () => answer((await stock()) < 5) });
    expect(right).toMatchObject({ anomalies: [], isComplete: true });
  });

  it.each([undefined, null, 0, ''])('that returns %j says nothing', async (value) => {
    expect(await tried({ invariant: () => value })).toMatchObject({ anomalies: [] });
  });

  it('is told once, whatever it says of each order', async () => {
    let times = 0;
    const invariant = async (): Promise<void> => {
      if ((await stock()) !== 3) throw new Error(`time ${(times += 1)}`);
    };
    const { anomalies, anomalous } = await tried({ invariant, maxAnomalies: 9 });
    const kinds = new Set(anomalies.map(({ kind, pair }) => `${kind} ${pair?.inWords}`));
    expect(anomalies).toHaveLength(kinds.size);
    expect(anomalous).toBeGreaterThan(anomalies.length);
  });
});

describe.skipIf(engine.name === 'sqlite')('actors that go wrong one after the other', () => {
  it('since a counter in memory is left by the order before, are told so', async () => {
    let visits = 0;
    const visiting = async (unlucky: number, setup: () => Promise<void>): Promise<InterleaveReport> => {
      const visit = async (): Promise<void> => {
        await stock();
        visits += 1;
        if (visits === unlucky) throw new Error('sent away');
      };
      visits = 0;
      return await tried({ setup, actors: { alice: visit, bob: visit }, maxRemedyRuntime: 2_000 });
    };
    const numbers = Array.from({ length: 16 }, (_, at) => at + 1);
    const reports: InterleaveReport[] = [];
    for (const unlucky of numbers) reports.push(await visiting(unlucky, seed));
    const wrong = reports.filter(({ anomalies }) => anomalies.length > 0);
    expect(wrong.length).toBeGreaterThan(0);
    for (const report of wrong) {
      expect(report).toMatchObject({ anomalies: [{ switches: 0 }], remedies: [] });
      const said = /"setup" does not bring back \(a variable or a cache in memory/;
      expect(report.toString()).toMatch(said);
      expect(report.toHtml()).toContain('does not bring back (a variable or a cache in memory');
      expect(() => report.assertSerializable()).toThrow(said);
      expect(() => report.assertSerializable()).toThrow(/went wrong one after the other\. Bring back in "setup"/);
    }
    const anew = async (): Promise<void> => {
      visits = 0;
      await seed();
    };
    for (const unlucky of numbers) expect(await visiting(unlucky, anew)).toMatchObject({ anomalies: [] });
  });

  it('by an invariant that refuses every order, are told so', async () => {
    const report = await tried({ invariant: () => false });
    expect(report.anomalies).toMatchObject([{ switches: 0 }]);
    expect(report.toString()).toContain('the invariant refuses what is right');
  });

  it('are not taken for those that one comes between', async () => {
    const { anomalies } = await tried({ invariant: async () => (await stock()) === 3 });
    expect(anomalies).toMatchObject([{ explanation: undefined }]);
  });
});

describe('the number of actors', () => {
  const named = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`actor ${at}`, take]));

  it.each([
    [0, /^interleave got 0 actors, and runs two or three\. .*\{ alice: buy, bob: buy \}/],
    [1, /^interleave got 1 actor, and runs two or three\. .*\{ alice: buy, bob: buy \}/],
    [4, /^interleave got 4 actors, and runs two or three\. .*the others in another call/],
  ])('%i is refused with what is allowed', async (count, message) => {
    expect(await rejection(tried({ actors: named(count) }))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe.skipIf(engine.name === 'sqlite')('what does not end', () => {
  const never = async (): Promise<void> => {
    await stock();
    await new Promise(() => {});
  };

  it('is ended and named where it is the setup: of the first order, and of a later one', async () => {
    expect(await rejection(tried({ setup: never, timeout: 300 }))).toMatchObject({
      code: 'INTERLEAVE_SETUP',
      message: expect.stringContaining('The setup has not ended within 300 ms') as string,
    });
    let times = 0;
    const setup = async (): Promise<void> => ((times += 1) > 2 ? await never() : await seed());
    expect(await rejection(tried({ setup, timeout: 2_000 }))).toMatchObject({
      message: expect.stringMatching(/^The setup has not ended within 2000 ms, before order \d/) as string,
    });
  });

  it('is ended and named where it is the invariant, in a transaction too', async () => {
    for (const invariant of [never, () => database.transaction(never)])
      expect(await rejection(tried({ invariant, timeout: 2_000 }))).toMatchObject({
        code: 'INTERLEAVE_SETUP',
        message: expect.stringContaining('The invariant has not ended within 2000 ms, after order 1') as string,
      });
    expect(database.stats().clients.default.used).toBe(0);
    expect(await tried({ invariant: () => true })).toMatchObject({ anomalies: [] });
  });
});
