import type { Standstill } from '../../observation/index.ts';
import type { HolderGroup, HolderView } from '../snapshot.ts';

/** Counts those that are in groups, too, where they wait for a connection as a member of a standstill does. */
export function withGroups(
  standstills: readonly Standstill[],
  shown: readonly HolderView[],
  groups: readonly HolderGroup[],
): readonly Standstill[] {
  if (groups.length === 0) return standstills;
  const processOf = new Map(shown.map(({ id, processId }) => [id, processId]));
  const left = new Set(groups.filter(({ waitsFor }) => waitsFor === 'connection'));
  return standstills.map((each) => {
    const behind = [...left].filter(({ processId, clientName, level }) =>
      each.members.some(
        (member) =>
          member.waitsFor?.type === 'connection' &&
          member.clientName === clientName &&
          member.level === level &&
          processOf.get(member.id) === processId,
      ),
    );
    for (const group of behind) left.delete(group);
    return { ...each, waiting: behind.reduce((sum, { count }) => sum + count, each.waiting) };
  });
}
