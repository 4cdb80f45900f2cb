// Thousands of schedules of random chains on a simulated pool: a seed replays one exactly.
import { notBegun } from '../../src/context/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pool, type PooledConnection, poolSettings } from '../../src/pool/index.ts';
import { Admission } from '../../src/pool/admission.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { simulate, type ChainPlan } from '../support/simulated-chains.ts';

/** Chains up to a depth of 6; most are short. */
function chainOf(depth: number): fc.Arbitrary<ChainPlan> {
  const inner = fc.record({ parallel: fc.boolean(), chain: depth > 0 ? chainOf(depth - 1) : fc.constant(leaf) });
  return fc.record({
    hold: fc.nat(5),
    inner: depth === 0 ? fc.constant([]) : fc.array(inner, { maxLength: 2 }),
    below: fc.boolean(),
    cancelAfter: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(20) }),
  });
}

const leaf: ChainPlan = { hold: 1, inner: [], below: false, cancelAfter: null };
const chainPlan = fc.nat(6).chain(chainOf);

const scenario = fc.record({
  seed: fc.integer(),
  maxLevel: fc.nat(6),
  extra: fc.integer({ min: 1, max: 6 }),
  openFailures: fc.constantFrom(0, 0, 0.2),
  deaths: fc.constantFrom(0, 0, 0.2),
  chains: fc.array(chainPlan, { minLength: 1, maxLength: 12 }),
});

describe('the pool by level', () => {
  it(
    '10,000 schedules: every chain ends, no budget is passed, no request below its level waits',
    { timeout: 120_000 },
    async () => {
      let waited = 0;
      let completed = 0;
      await fc.assert(
        fc.asyncProperty(scenario, async ({ seed, maxLevel, extra, openFailures, deaths, chains }) => {
          const result = await simulate({ seed, maxLevel, budget: maxLevel + extra, openFailures, deaths, chains });
          expect(result.stuck).toBe(0);
          expect(result.mostConnections).toBeLessThanOrEqual(maxLevel + extra);
          expect(result.waitedBelow).toBe(0);
          expect(result.leftInUse).toBe(0);
          waited += result.waited;
          completed += result.completed;
        }),
        { numRuns: 10_000 },
      );
      // The runs were worth their while.
      expect(waited).toBeGreaterThan(50_000);
      expect(completed).toBeGreaterThan(30_000);
    },
  );

  it('wide chains at the smallest budget end too', async () => {
    const nest = (depth: number): ChainPlan => ({
      hold: 3,
      below: false,
      cancelAfter: null,
      inner: depth === 0 ? [] : [{ parallel: false, chain: nest(depth - 1) }],
    });
    const chains = Array.from({ length: 50 }, () => nest(4));
    const result = await simulate({ seed: 1, maxLevel: 4, budget: 5, openFailures: 0, deaths: 0, chains });
    expect(result).toMatchObject({ stuck: 0, completed: 50, mostConnections: 5 });
  });

  it('is known to be able to fail: without the reserve of each level the same chains get stuck', async () => {
    const pair: ChainPlan = {
      hold: 3,
      below: false,
      cancelAfter: null,
      inner: [{ parallel: false, chain: { hold: 1, below: false, cancelAfter: null, inner: [] } }],
    };
    const chains = Array.from({ length: 10 }, () => pair);
    const withReserve = await simulate({ seed: 1, maxLevel: 1, budget: 4, openFailures: 0, deaths: 0, chains });
    expect(withReserve).toMatchObject({ stuck: 0, completed: 10 });
    const without = await simulate({
      seed: 1,
      maxLevel: 1,
      budget: 4,
      openFailures: 0,
      deaths: 0,
      chains,
      withoutLevels: true,
    });
    expect(without.stuck).toBeGreaterThan(0);
  });

  it('replays a run exactly from its seed', async () => {
    const options = { maxLevel: 2, budget: 4, openFailures: 0.3, deaths: 0.2 };
    const [chains] = fc.sample(fc.array(chainPlan, { minLength: 8, maxLength: 8 }), { seed: 7, numRuns: 1 });
    const run = async (seed: number): Promise<string> =>
      JSON.stringify(await simulate({ ...options, seed, chains: chains ?? [] }));
    expect(await run(42)).toBe(await run(42));
  });
});

describe('admission', () => {
  const counts = fc.array(fc.record({ level: fc.nat(5), give: fc.boolean() }), { maxLength: 200 });

  it('grants exactly what the rule says, by a count instead of a sum', () => {
    fc.assert(
      fc.property(fc.nat(5), fc.integer({ min: 1, max: 8 }), counts, (maxLevel, extra, operations) => {
        const budget = maxLevel + extra;
        const admission = new Admission(budget, maxLevel);
        const used = Array.from({ length: 6 }, () => 0);
        for (const { level, give } of operations) {
          const now = used[level] ?? 0;
          if (give) {
            if (now > 0) {
              admission.give(level);
              used[level] = now - 1;
            }
            continue;
          }
          const total = used.reduce((sum, each) => sum + each, 0);
          const idleOthers = used.slice(0, maxLevel + 1).filter((each, at) => each === 0 && at !== level).length;
          const reserved = level <= maxLevel && now < 1;
          const expected = reserved || budget - total - idleOthers > 0;
          expect(admission.take(level)).toBe(expected);
          if (expected) used[level] = now + 1;
          expect(admission.total).toBeLessThanOrEqual(budget);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses to take back what was not given', () => {
    expect(() => new Admission(3, 1).give(0)).toThrow(RangeError);
  });
});

describe('waiting lines', () => {
  const settings = poolSettings('default', { max: 1, maxLevel: 1, acquireTimeout: 1_000, idleTimeout: 1_000 });
  const poolWith = (clock: SimulatedClock, budget: number): Pool<PooledConnection> =>
    new Pool({
      clientName: 'default',
      settings: { ...settings, budget },
      clock,
      random: () => 0.5,
      target: 'nowhere',
      open: async () => deadConnection(),
      isSound: async () => true,
    });

  it('serve first come first served within a level, the deepest level first', async () => {
    const clock = new SimulatedClock();
    const pool = poolWith(clock, 3);
    const holder = { describe: () => link, heldBesides: () => [] };
    const acquire = (level: number): ReturnType<typeof pool.acquire> =>
      pool.acquire({ level, holder, mayWait: true, begun: notBegun });
    // Both levels hold their reserve, and level 0 what is everybody's: the next to be given back can go to either.
    const held = [await acquire(0), await acquire(1), await acquire(0)];
    const order: string[] = [];
    const waiting = [
      [0, 'a'],
      [0, 'b'],
      [1, 'c'],
      [1, 'd'],
    ] as const;
    const done = waiting.map(async ([level, name]) => {
      const lease = await acquire(level);
      order.push(name);
      pool.release(lease, true);
    });
    for (const lease of held.slice(2)) pool.release(lease, true);
    await Promise.all(done);
    expect(order).toEqual(['c', 'd', 'a', 'b']);
  });

  it('lose 9,999 of 10,000 cancelled waiters at once, and serve the last', async () => {
    const clock = new SimulatedClock();
    const pool = poolWith(clock, 2);
    const holder = { describe: () => link, heldBesides: () => [] };
    const held = await pool.acquire({ level: 0, holder, mayWait: true, begun: notBegun });
    const controllers = Array.from({ length: 10_000 }, () => new AbortController());
    const waiters = controllers.map(({ signal }) =>
      Promise.resolve(pool.acquire({ level: 0, holder, mayWait: true, begun: notBegun, signal })),
    );
    const settled = Promise.allSettled(waiters);
    expect(pool.stats().waiting).toBe(10_000);
    const before = process.cpuUsage();
    for (const controller of controllers.slice(0, 5_000)) controller.abort(new Error('gone'));
    for (const controller of controllers.slice(5_001).toReversed()) controller.abort(new Error('gone'));
    const { user, system } = process.cpuUsage(before);
    expect(pool.stats().waiting).toBe(1);
    pool.release(held, true);
    const results = await settled;
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results[5_000]?.status).toBe('fulfilled');
    // A second is the bound of the design, here of the processor, and many times what it takes.
    expect(user + system).toBeLessThan(1_000_000);
    expect(clock.pending).toBe(0);
  });
});

const link = { clientName: 'default', level: 0, transaction: 'test', age: 0, openedAt: undefined };

function deadConnection(): PooledConnection {
  return { onDeath() {}, close: () => Promise.resolve(), destroy: () => Promise.resolve() };
}
