import { expect, it } from 'vitest';
import { MemoryStore } from '../../src/cache/index.ts';
import { type Approach, checkCache, type CheckerResult } from '../checkers/cache-checker.ts';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();

async function check(approach: Approach, checks: number): Promise<CheckerResult & { readonly seed: number }> {
  const store = new MemoryStore();
  const seed = 1 + Math.floor(Math.random() * 1e9);
  const result = await checkCache({
    database: server.open({ max: 12 }),
    approach,
    store: () => store,
    checks,
    seed,
  });
  return { ...result, seed };
}

it('7,000 random reads beside random writes: nothing stale, nothing uncommitted', { timeout: 60_000 }, async () => {
  const result = await check('sluice', 7_000);
  expect(result).toMatchObject({ stale: 0, uncommitted: 0, lostOwn: 0, first: undefined });
  // It was worth its while.
  expect(Math.min(result.hits, result.commits, result.rollbacks)).toBeGreaterThan(20);
});

it('the same load finds a cache that is written as the statements are', { timeout: 60_000 }, async () => {
  const { stale, uncommitted } = await check('naive', 5_000);
  expect(Math.min(stale, uncommitted)).toBeGreaterThan(0);
});

it('the same load finds a cache from which is deleted after the commit', { timeout: 60_000 }, async () => {
  const { stale, uncommitted } = await check('after-commit', 5_000);
  expect(stale).toBeGreaterThan(0);
  // Which is what it is for.
  expect(uncommitted).toBe(0);
});
