import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TokenBucket } from '../../src/core/origin.ts';

const taken = (bucket: TokenBucket, attempts: number): number =>
  Array.from({ length: attempts }, () => bucket.take()).filter(Boolean).length;

it('grants a thousand in a row, and one a millisecond afterwards', () => {
  let now = 0;
  const bucket = new TokenBucket(() => now);
  expect(taken(bucket, 5_000)).toBe(1_000);
  now += 0.5;
  expect(bucket.take()).toBe(false);
  now += 0.5;
  expect(taken(bucket, 10)).toBe(1);
  now += 70;
  expect(taken(bucket, 1_000)).toBe(70);
});

it('grants one to whoever comes a millisecond after the last, and never many more than there are milliseconds', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.nat(200))), (turns) => {
      let [now, granted] = [0, 0];
      const bucket = new TokenBucket(() => now);
      for (const [pause, attempts] of turns) {
        now += pause;
        const got = taken(bucket, attempts);
        if (pause >= 1 && attempts > 0) expect(got).toBeGreaterThan(0);
        granted += got;
        expect(granted).toBeLessThanOrEqual(1_000 + now);
      }
    }),
  );
});
