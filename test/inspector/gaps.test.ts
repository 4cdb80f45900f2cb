import { describe, expect, it } from 'vitest';
import { longestPause, withGaps } from '../../src/inspector/page/browser/time/gaps.ts';

const secondsAt = (...seconds: readonly number[]): readonly { readonly at: number }[] =>
  seconds.map((second) => ({ at: second * 1_000 }));

describe('a plot', () => {
  it('has nothing between two moments that lie further apart than they may', () => {
    const moments = secondsAt(1, 2, 56, 57);
    expect(withGaps(moments, 1_500).map(({ moment }) => moment && moment.at / 1_000)).toEqual([
      1,
      2,
      undefined,
      56,
      57,
    ]);
    const times = withGaps(moments, 1_500).map(({ at }) => at);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(withGaps(moments, 60_000)).toHaveLength(4);
    expect(withGaps([], 1_500)).toEqual([]);
  });

  it('of looks takes three times the usual pause for a gap, and no less than five seconds', () => {
    expect(longestPause(secondsAt(1, 2, 3, 4, 58, 59))).toBe(5_000);
    expect(longestPause(secondsAt(0, 60, 120, 180, 1_000))).toBe(180_000);
    expect(longestPause([])).toBe(5_000);
  });
});
