import type { HolderView } from '../../../index.ts';
import { cut, duration, plural } from '../parts/format.ts';

/** One of those that stand still. */
export interface Member {
  readonly id: string;
  /** `lack`: no one, but what is missing. */
  readonly kind: HolderView['kind'] | 'savepoint' | 'backend' | 'lack';
  readonly name: string;
  readonly clientName?: string | undefined;
  readonly level?: number | undefined;
  readonly job?: HolderView['job'];
  readonly waitsFor?: HolderView['waitsFor'] | undefined;
  /** Its process, where there are several. */
  readonly process?: string | undefined;
}

/** What stands still: a circle, or a chain that its last member holds. */
export interface Standing {
  readonly kind: 'circle' | 'held';
  readonly members: readonly Member[];
  readonly waiting: number;
  readonly besides: number;
  readonly for: number;
}

/** More than these cannot be told apart on a circle. */
export const mostDrawn = 8;
const noOne: Member = { id: '', kind: 'lack', name: 'no one' };

/** Its members, and at the end of a chain that no one holds what is missing. */
export function membersOf({ kind, members }: Standing): readonly Member[] {
  const last = members.at(-1)?.waitsFor;
  const lack = { id: '', kind: 'lack' } as const;
  if (kind === 'held' && last?.type === 'connection') return [...members, { ...lack, name: 'the server' }];
  if (kind === 'held' && last?.type === 'job') return [...members, { ...lack, name: 'no known worker' }];
  return members;
}

/** A standstill in a sentence. */
export function sentenceOf(standing: Standing): string {
  const { kind, waiting, for: time } = standing;
  const members = membersOf(standing);
  const others = waiting === 0 ? '' : `; ${plural(waiting, 'other waits', 'others wait')} behind`;
  if (kind === 'circle')
    return `Standstill for ${duration(time)}: ${inARow(members.slice(0, mostDrawn).map(nameOf))} wait for each other in a circle${others}.`;
  const [first = noOne] = members;
  const head = members.at(-1) ?? noOne;
  if (head.kind === 'lack') return `Standstill for ${duration(time)}: ${lackOf(members.at(-2) ?? noOne)}${others}.`;
  const before = members.length === 2 ? `${nameOf(first)} waits` : `${nameOf(first)} and those after it wait`;
  return `Held for ${duration(time)}: ${before} for ${nameOf(head)}${others}.`;
}

function inARow(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** What is missing to the last of a chain that no one holds. */
function lackOf({ waitsFor, clientName }: Member): string {
  if (waitsFor?.type === 'job') return `no worker that is known runs the job of ${cut(waitsFor.queue, 60)}`;
  const refused = waitsFor?.type === 'connection' ? waitsFor.refused : undefined;
  return `the server gives ${cut(clientName ?? 'the pool', 60)} no connection${refused === undefined ? '' : ` (${cut(refused, 60)})`}`;
}

/** The steps of a standstill, one by one, for those who read. */
export function stepsOf(standing: Standing): readonly { readonly member: Member; readonly text: string }[] {
  const { kind, besides } = standing;
  const members = membersOf(standing);
  return members.flatMap((member, index) => {
    const next = members[index + 1] ?? (kind === 'circle' ? members[0] : undefined);
    const where = member.process === undefined ? '' : `in ${cut(member.process, 60)} `;
    if (member.kind === 'lack') return [];
    if (next?.kind === 'lack') return [{ member, text: `${where}${wantOf(member)}` }];
    if (next !== undefined) return [{ member, text: `${where}${bondOf(member, next)} ${nameOf(next)}` }];
    const others = besides === 0 ? '' : `, as ${plural(besides, 'other does', 'others do')}`;
    return [{ member, text: `${where}${headOf(member)}${others}` }];
  });
}

export function nameOf({ kind, name }: Member): string {
  const shown = cut(name, 60);
  if (kind === 'backend') return `backend ${shown}`;
  return kind === 'savepoint' || kind === 'checkout' ? `${kind} ${shown}` : shown;
}

export function placeOf(member: Member): string {
  const { kind, clientName, level } = member;
  if (kind === 'lack') return member.name === 'the server' ? 'gives no connection' : 'runs the job';
  if (clientName === undefined) return 'of no known process';
  return `${cut(clientName, 16)}${level === undefined ? '' : `, level ${level}`}`;
}

/** Whether it waits for a job that does not run, since the next one has its slot. */
function isQueuedBehind({ waitsFor }: Member, next: Member): boolean {
  return waitsFor?.type === 'job' && next.job !== undefined && next.job.id !== waitsFor.jobId;
}

/** What the last of a chain waits for that no one holds. */
function wantOf({ waitsFor, clientName }: Member): string {
  if (waitsFor?.type === 'job')
    return `waits for a job of ${cut(waitsFor.queue, 60)}, which no worker that is known runs`;
  const refused = waitsFor?.type === 'connection' ? waitsFor.refused : undefined;
  const answer = refused === undefined ? 'is still opening' : `refuses (${cut(refused, 60)})`;
  return `wants a connection of ${cut(clientName ?? 'its pool', 60)}, which the server ${answer}`;
}

/** What a member waits for, up to the name of the next one. */
function bondOf(member: Member, next: Member): string {
  const { kind, waitsFor, clientName } = member;
  switch (waitsFor?.type) {
    case 'connection':
      return `wants a connection of ${cut(clientName ?? 'its pool', 60)}, held by`;
    case 'lock':
      return `wants a lock${waitsFor.relation === undefined ? '' : ` on ${cut(waitsFor.relation, 60)}`}, held by`;
    case 'transaction':
      return 'waits for the transaction inside of it,';
    case 'job':
      return isQueuedBehind(member, next)
        ? `waits for a job of ${cut(waitsFor.queue, 60)}, for which no slot is free: one is taken by`
        : `waits for a job of ${cut(waitsFor.queue, 60)}, run by`;
    case 'hook':
      return `runs its ${waitsFor.hook} hook, which waits for`;
    case 'turn':
      return 'waits for its turn, which comes at the end of';
    case 'foreign':
      return `waits for ${cut(waitsFor.what, 60)}, besides`;
    case undefined:
      return kind === 'backend'
        ? 'of a library that is not bound, or of a process that is not seen, wants a lock, held by'
        : 'waits for';
    case 'server':
    case 'code':
      return 'waits for';
  }
}

/** The same on an arrow. */
export function labelOf(member: Member, next: Member): string {
  const { kind, waitsFor } = member;
  switch (waitsFor?.type) {
    case 'connection':
      return 'wants a connection';
    case 'lock':
      return waitsFor.relation === undefined ? 'wants a lock' : `wants a lock on ${cut(waitsFor.relation, 16)}`;
    case 'transaction':
      return 'waits for the inner one';
    case 'job':
      return isQueuedBehind(member, next)
        ? 'awaits a job, wants a slot'
        : `awaits its job of ${cut(waitsFor.queue, 16)}`;
    case 'hook':
      return `runs ${waitsFor.hook}`;
    case 'turn':
      return 'waits for its turn';
    case 'foreign':
      return cut(waitsFor.what, 16);
    case undefined:
      return kind === 'backend' ? 'wants a lock' : 'waits for';
    case 'server':
    case 'code':
      return 'waits for';
  }
}

/** What the last of a held chain does. */
function headOf({ kind, waitsFor }: Member): string {
  switch (waitsFor?.type) {
    case 'code':
      return `holds the others, and is in the program: it has sent nothing for ${duration(waitsFor.for)}`;
    case 'job':
      return `holds the others, and waits for a job of ${cut(waitsFor.queue, 60)} that nothing is seen of`;
    case 'hook':
      return `holds the others, and runs its ${waitsFor.hook} hook`;
    case 'foreign':
      return `holds the others, and waits for ${cut(waitsFor.what, 60)}`;
    case undefined:
      if (kind === 'savepoint') return 'holds the others until it ends';
      return kind === 'backend'
        ? 'holds the others: it is of a library that is not bound, or of a process that is not seen'
        : 'holds the others';
    case 'connection':
    case 'lock':
    case 'server':
    case 'transaction':
    case 'turn':
      return 'holds the others';
  }
}
