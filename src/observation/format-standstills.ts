import { nameInWords, timeInWords, waitInWords } from './in-words.ts';
import type { Standstill, StandstillMember } from './standstill.ts';

/**
 * Makes text of what stands still that a person can read: who waits for whom, in their order, and who is to be looked at.
 * Nothing where there is none.
 *
 * ```ts
 * console.log(formatStandstills(findStandstills(await database.holders())));
 * ```
 */
export function formatStandstills(standstills: readonly Standstill[]): string {
  return standstills
    .map((each) => [headOf(each), ...each.members.flatMap((_, at) => linesOf(each, at))].join('\n'))
    .join('\n');
}

function headOf({ kind, members, waiting, besides, for: since }: Standstill): string {
  const behind = waiting === 0 ? '' : `, and ${waiting} more wait behind them`;
  const time = `for ${timeInWords(since)}`;
  if (kind === 'circle') return `Standstill: ${members.length} wait for each other in a circle ${time}${behind}.`;
  const last = members.at(-1);
  const alike = besides === 0 ? '' : `, as ${besides} more do`;
  return `Standstill: ${last === undefined ? 'it' : nameInWords(last)} holds up others ${time}${alike}${behind}.`;
}

function linesOf({ kind, members }: Standstill, at: number): readonly string[] {
  const member = members[at];
  if (member === undefined) return [];
  const names = new Map(members.map(({ id, name }) => [id, name]));
  const lines = [`  ${placeOf(member)}`];
  const { clientName, waitsFor } = member;
  if (waitsFor !== undefined) lines.push(`    ${waitInWords(clientName, waitsFor, (id) => names.get(id))}`);
  if (kind === 'circle' && at === members.length - 1) lines.push('  and so on from the first');
  return lines;
}

function placeOf(member: StandstillMember): string {
  const { clientName, level, backend, origin, kind } = member;
  const what: string[] = [];
  if (clientName !== undefined) what.push(`client "${clientName}"`);
  if (level !== undefined) what.push(`level ${level}`);
  if (backend !== undefined && kind !== 'backend') what.push(`backend ${backend.id}`);
  const where = what.length === 0 ? '' : ` (${what.join(', ')})`;
  return `${nameInWords(member)}${where}${origin === undefined ? '' : `, begun at ${origin}`}`;
}
