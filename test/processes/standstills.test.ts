import { describe, expect, it } from 'vitest';
import {
  findStandstills,
  formatHolders,
  formatStandstills,
  type HolderInfo,
  type Standstill,
} from '../../src/index.ts';
import { until } from '../support/settled.ts';
import { isAsExpected, standstills } from '../support/standstills/index.ts';

describe('what stands still', () => {
  it.each(Object.entries(standstills))('is found: %s', async (_, stage) => {
    const staged = await stage();
    try {
      let holders: readonly HolderInfo[] = [];
      let found: readonly Standstill[] = [];
      await until('it stands still', async () => {
        holders = await staged.holders();
        found = findStandstills(holders);
        return found.some((each) => isAsExpected(each, staged.expected));
      }).catch((error: unknown) => {
        throw new Error(`found: ${formatStandstills(found)}\n${formatHolders(holders)}`, { cause: error });
      });
      expect(found).toHaveLength(1);
      const text = formatHolders(holders);
      expect(text.startsWith('Standstill: ')).toBe(true);
      for (const each of staged.expected.text) {
        if (typeof each === 'string') expect(text).toContain(each);
        else expect(text).toMatch(each);
      }
      const origins = found.flatMap(({ members }) => members.flatMap(({ origin }) => origin ?? []));
      for (const origin of origins) expect(origin).toContain('standstills');
    } finally {
      await staged.end();
    }
  });
});
