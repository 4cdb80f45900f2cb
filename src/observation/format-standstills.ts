import { aList, checkedArgument } from '../core/index.ts';
import { nameInWords, namesIn, timeInWords, waitInWords } from './in-words.ts';
import type { Standstill, StandstillMember } from './standstill.ts';

/**
 * Makes text of what stands still that a person can read: who waits for whom, in their order, and who is to be looked at.
 * Nothing where there is none.
 *
 * ```ts
 * console.log(formatStandstills(findStandstills(await database.holders())));
 * ```
 * @throws InvalidOptionError
 */
export function formatStandstills(standstills: readonly Standstill[]): string {
  checkedArgument('formatStandstills', 'standstills', standstills, aList);
  return standstills
    .map((each) => [headOf(each), ...each.members.flatMap((_, at) => linesOf(each, at))].join('\n'))
    .join('\n');
}

function headOf({ kind, members, waiting, besides, for: since }: Standstill): string {
  const behind = waiting === 0 ? '' : `, and ${waiting} more wait behind them`;
  const time = `for ${timeInWords(since)}`;
  if (kind === 'circle') return `Standstill: ${members.length} wait for each other in a circle ${time}${behind}.`;
  const last = members.at(-1);
  if (
    last !== undefined &&
    last.kind !== 'backend' &&
    (last.waitsFor?.type === 'connection' || last.waitsFor?.type === 'job')
  )
    return `Standstill: ${lackOf(last)} ${time}${behind}.`;
  const alike = besides === 0 ? '' : `, as ${besides} more do`;
  return `Standstill: ${last === undefined ? 'it' : nameInWords(last)} holds up others ${time}${alike}${behind}.`;
}

/** What no one in the lists holds, and does not come. */
function lackOf({ waitsFor, clientName }: StandstillMember): string {
  if (waitsFor?.type === 'job')
    return `no worker that is known runs job ${waitsFor.jobId} of queue "${waitsFor.queue}"`;
  const refused = waitsFor?.type === 'connection' ? waitsFor.refused : undefined;
  return `the server gives client "${clientName}" no connection${refused === undefined ? '' : ` (${refused})`}`;
}

function linesOf({ kind, members }: Standstill, at: number): readonly string[] {
  const member = members[at];
  if (member === undefined) return [];
  const nameOf = namesIn(members);
  const lines = [`  ${placeOf(member)}`];
  const { clientName, waitsFor } = member;
  if (waitsFor !== undefined) {
    const next = members[(at + 1) % members.length]?.job;
    const isQueued = waitsFor.type === 'job' && next !== undefined && next.id !== waitsFor.jobId;
    const slot = isQueued ? ', for which no slot of its lane is free' : '';
    lines.push(`    ${waitInWords(clientName, waitsFor, nameOf)}${slot}`);
  }
  if (kind === 'circle' && at === members.length - 1) lines.push('  and so on from the first');
  return lines;
}

function placeOf(member: StandstillMember): string {
  const { clientName, level, backend, origin, kind } = member;
  if (kind === 'backend')
    return `${nameInWords(member)}, which is no holder's: of a library that is not bound, or of another process`;
  const what: string[] = [];
  if (clientName !== undefined) what.push(`client "${clientName}"`);
  if (level !== undefined) what.push(`level ${level}`);
  if (backend !== undefined) what.push(`backend ${backend.id}`);
  const where = what.length === 0 ? '' : ` (${what.join(', ')})`;
  return `${nameInWords(member)}${where}${origin === undefined ? '' : `, begun at ${origin}`}`;
}
