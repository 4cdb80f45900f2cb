import type { HolderInfo } from '../../observation/index.ts';
import type { HolderGroup } from '../snapshot.ts';
import type { ToldHolders } from './report.ts';

/** How many are shown each by itself. */
const mostShown = 300;
const mostGroups = 100;

type Group = { -readonly [Name in keyof Omit<HolderGroup, 'processId'>]: HolderGroup[Name] };

/** Parts those who are shown from those who are too many for it. @param holders those that began first first */
export function toldHolders(holders: readonly HolderInfo[]): Omit<ToldHolders, 'lookedAgo'> {
  const chosen = new Set(holders.filter(({ backend }) => backend !== undefined).slice(0, mostShown));
  for (const holder of holders) {
    if (chosen.size >= mostShown) break;
    chosen.add(holder);
  }
  const shown = holders.filter((holder) => chosen.has(holder));
  const groups = groupsOf(holders.filter((holder) => !chosen.has(holder)));
  const told = groups.slice(0, mostGroups);
  const grouped = told.reduce((sum, { count }) => sum + count, 0);
  return {
    shown,
    groups: told,
    total: holders.length,
    waiting: holders.filter(({ waitsFor }) => waitsFor.type === 'connection').length,
    leftOut: holders.length - shown.length - grouped,
  };
}

/** The largest first. */
function groupsOf(holders: readonly HolderInfo[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { kind, name, clientName, level, waitsFor, age } of holders) {
    const key = JSON.stringify([kind, name, clientName, level, waitsFor.type]);
    const known = groups.get(key);
    if (known === undefined) {
      const place = { kind, name, clientName, level, waitsFor: waitsFor.type };
      groups.set(key, { ...place, count: 1, age, for: waitsFor.for });
    } else {
      known.count += 1;
      known.age = Math.max(known.age, age);
      known.for = Math.max(known.for, waitsFor.for);
    }
  }
  return [...groups.values()].sort((one, other) => other.count - one.count);
}
